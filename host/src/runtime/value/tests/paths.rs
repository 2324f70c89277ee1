//! The ways that a value may go, for any type and any value: it arrives as it left.

use proptest::prelude::*;

use super::echo::Echo;
use super::random;
use crate::runtime::value::{Val, decode, encode, from_json, to_json, wire_size};

proptest! {
    #[test]
    fn a_value_changes_on_its_way_through_json((shape, value) in random::typed_value()) {
        let text = to_json(&value, &shape).unwrap().to_string();
        let back = from_json(&serde_json::from_str(&text).unwrap(), &shape);
        prop_assert_eq!(back.as_ref(), Ok(&value), "{} as {}", shape, text);
    }

    #[test]
    fn a_value_changes_on_its_way_through_bytes((shape, value) in random::typed_value()) {
        let values = [value];
        let bytes = encode(&values, [&shape].into_iter()).unwrap();
        prop_assert!(bytes.len() <= 1 + wire_size(&values[0]), "{} bytes, counted {}", bytes.len(), wire_size(&values[0]));
        let back = decode(&bytes, [&shape].into_iter()).unwrap();
        prop_assert_eq!(&back, &values);
        // equal values may have different NaNs; equal bytes have not
        prop_assert_eq!(encode(&back, [&shape].into_iter()).unwrap(), bytes);
    }

    #[test]
    fn bytes_that_nobody_wrote_are_taken_for_a_value(
        (shape, value) in random::typed_value(),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let mut bytes = encode(&[value], [&shape].into_iter()).unwrap().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(values) = decode(&bytes, [&shape].into_iter()) {
            prop_assert_eq!(&encode(&values, [&shape].into_iter()).unwrap()[..], &bytes[..], "not its only encoding");
        }
        bytes[at] ^= flip;
        prop_assert!(decode(&bytes[..at], [&shape].into_iter()).is_err(), "cut after {} bytes", at);
        bytes.push(0);
        prop_assert!(decode(&bytes, [&shape].into_iter()).is_err(), "a byte too many");
    }

    #[test]
    fn random_bytes_end_the_reader(shape in random::shape(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let bytes = [&[1], &bytes[..]].concat();
        if let Ok(values) = decode(&bytes, [&shape].into_iter()) {
            prop_assert_eq!(&encode(&values, [&shape].into_iter()).unwrap()[..], &bytes[..]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_value_changes_on_its_way_from_store_to_store(
        (shape, values) in random::shape().prop_flat_map(|shape| {
            let values = prop::collection::vec(random::value(&shape), 4);
            (Just(shape), values)
        }),
    ) {
        let component = Echo::component(&shape);
        let (mut caller, mut called) = (Echo::instance(&component), Echo::instance(&component));
        for value in values {
            let passed = caller.call(value.clone());
            let back = called.call(passed);
            prop_assert_eq!(&back, &value);
            prop_assert_eq!(bytes_of(&back, &shape), bytes_of(&value, &shape));
        }
    }
}

fn bytes_of(value: &Val, shape: &crate::runtime::value::Shape) -> bytes::Bytes {
    encode(std::slice::from_ref(value), [shape].into_iter()).unwrap()
}
