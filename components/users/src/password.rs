//! How a password is kept: as an Argon2id hash (RFC 9106) with a salt of its own, in the PHC string format, so that a
//! hash says itself how it was made and the work can be raised one day.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use holm_guest::problem::FieldError;

/// NIST SP 800-63B: no rule about capitals and digits makes up for a password that is short.
const SHORTEST: usize = 8;
/// Long enough for any sentence; a bound, because all of it is hashed.
const LONGEST: usize = 256;
/// 7 MiB and five passes: the smallest memory that OWASP's password storage cheat sheet names, because every instance
/// of the service keeps what it once took. It takes a few hundredths of a second of the service's CPU limit.
const MEMORY_KIB: u32 = 7 * 1024;
const PASSES: u32 = 5;
const LANES: u32 = 1;
/// What a password is compared with if nobody has the address: a hash of nothing that anybody can type. Otherwise the
/// time that an answer takes would tell which addresses have accounts.
const NOBODY: &str = "$argon2id$v=19$m=7168,t=5,p=1$bm9ib2R5cyBzYWx0Li4$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What is wrong with a password that somebody chooses.
pub fn check(password: &str) -> Option<FieldError> {
    let fits = (SHORTEST..=LONGEST).contains(&password.len());
    (!fits).then(|| FieldError::new("password", format!("must have {SHORTEST} to {LONGEST} bytes")))
}

/// The hash of a password, with 16 bytes of chance that nobody else's has.
///
/// # Errors
/// Never in fact: the parameters are ours, and the salt has its length.
pub fn hash(password: &str, salt: &[u8; 16]) -> Result<String, argon2::password_hash::Error> {
    let salt = SaltString::encode_b64(salt)?;
    Ok(argon2()?.hash_password(password.as_bytes(), &salt)?.to_string())
}

/// Whether a password is the one that was hashed. Without a hash it is not, and that takes as long.
pub fn fits(password: &str, hash: Option<&str>) -> bool {
    let is_right = |hash: &str| {
        let hash = PasswordHash::new(hash)?;
        Argon2::default().verify_password(password.as_bytes(), &hash)
    };
    is_right(hash.unwrap_or(NOBODY)).is_ok() && hash.is_some()
}

fn argon2() -> Result<Argon2<'static>, argon2::Error> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(MEMORY_KIB, PASSES, LANES, None)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_password_lets_somebody_in() {
        let kept = hash("correct horse", &[7; 16]).unwrap();
        assert!(fits("correct horse", Some(&kept)));
        for wrong in ["", "correct hors", "Correct horse", "correct horse "] {
            assert!(!fits(wrong, Some(&kept)), "{wrong}");
        }
        assert!(!fits("correct horse", Some("no hash")));
        assert!(!fits("correct horse", None));
    }

    #[test]
    fn two_with_the_same_password_can_be_told() {
        let [one, other] = [[1; 16], [2; 16]].map(|salt| hash("correct horse", &salt).unwrap());
        assert_ne!(one, other);
        assert!(one.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{one}");
        assert!(!one.contains("horse"));
    }

    #[test]
    fn an_address_without_an_account_is_answered_at_once() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let somebody = hash("correct horse", &[7; 16]).unwrap();
        assert_eq!(nobody.params, PasswordHash::new(&somebody).unwrap().params);
        assert!(!Argon2::default().verify_password(b"", &nobody).is_ok());
    }

    #[test]
    fn a_password_of_one_letter_or_a_megabyte_is_taken() {
        for (length, is_taken) in [(7, false), (8, true), (256, true), (257, false)] {
            assert_eq!(check(&"x".repeat(length)).is_none(), is_taken, "{length}");
        }
    }
}
