//! Names of two languages: `GetUser` and `user_id` in proto are `get-user` and `user-id` in WIT.
//!
//! Both are the same word once case, `-` and `_` are gone: proto writes `address_1` where WIT has no
//! way to put a hyphen before a digit.

/// Whether two names mean the same.
pub(super) fn same(one: &str, other: &str) -> bool {
    letters(one).eq(letters(other))
}

/// Whether a value of a proto enum means a WIT case, with the enum's own name in front or without:
/// `ORDER_STATUS_CREATED` and `CREATED` are both `created`.
pub(super) fn same_case(of_enum: &str, value: &str, case: &str) -> bool {
    let value: String = letters(value).collect();
    let prefix: String = letters(of_enum).collect();
    let case: String = letters(case).collect();
    value == case || value.strip_prefix(&prefix) == Some(&case)
}

fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_for_another_one() {
        for (proto, wit, is_same) in [
            ("GetUser", "get-user", true),
            ("user_id", "user-id", true),
            ("HTTPStatus", "http-status", true),
            ("address_1", "address1", true),
            ("userId", "user-id", true),
            ("user", "users", false),
        ] {
            assert_eq!(same(proto, wit), is_same, "{proto} {wit}");
        }
        assert!(same_case("OrderStatus", "ORDER_STATUS_CREATED", "created"));
        assert!(same_case("OrderStatus", "CREATED", "created"));
        assert!(!same_case("OrderStatus", "ORDER_STATUS_CREATED", "status-created"));
    }
}
