//! Who vouches for a component, and is that enough here? Pure: the keys and signatures decide.

use holm_registry::Digest;
use holm_registry::signature::{PublicKey, Signature};

use super::DeployError;
use crate::signing::is_right;

/// Whose signatures this host asks for. Without any it takes every component.
#[derive(Clone, Debug, Default)]
pub struct Required(Vec<PublicKey>);

impl Required {
    /// Components need a signature of one of these keys; of none when there are none.
    pub fn new(keys: Vec<PublicKey>) -> Self {
        Self(keys)
    }

    /// The signature to keep with a deployment: the one given with it, else one that the host has
    /// kept for the same component. A wrong one is refused also where none is asked for.
    pub(super) fn vouched(
        &self,
        what: &str,
        digest: &Digest,
        given: Option<Signature>,
        kept: impl Iterator<Item = Signature>,
    ) -> Result<Option<Signature>, DeployError> {
        if let Some(given) = given {
            return self.check(what, digest, &given).map(|()| Some(given));
        }
        let kept: Vec<Signature> = kept.filter(|kept| is_right(kept, digest)).collect();
        let enough = kept.iter().find(|kept| self.0.contains(&kept.key)).or_else(|| kept.first());
        self.check_kept(what, digest, enough.copied()).map(|()| enough.copied())
    }

    /// Whether a revision with this signature may go live again.
    pub(super) fn check_kept(&self, what: &str, digest: &Digest, kept: Option<Signature>) -> Result<(), DeployError> {
        match kept {
            Some(kept) => self.check(what, digest, &kept),
            None if self.0.is_empty() => Ok(()),
            None => Err(self.refusal(&format!("{what} ({digest}) is not signed"))),
        }
    }

    fn check(&self, what: &str, digest: &Digest, signature: &Signature) -> Result<(), DeployError> {
        if !is_right(signature, digest) {
            let wrong = format!(
                "the signature of {what} by {} is not one of {digest}; sign the component again as it is now",
                signature.key
            );
            return Err(DeployError::Unsigned(wrong));
        }
        match self.0.is_empty() || self.0.contains(&signature.key) {
            true => Ok(()),
            false => Err(self.refusal(&format!("{what} ({digest}) is signed by {} alone", signature.key))),
        }
    }

    fn refusal(&self, why: &str) -> DeployError {
        let keys: Vec<String> = self.0.iter().map(PublicKey::to_string).collect();
        DeployError::Unsigned(format!(
            "{why}, and this host takes only what one of these keys has signed: {}; ask whoever holds it to run \
             `holm keys sign COMPONENT --key FILE`, and deploy with the COMPONENT.sig beside the component",
            keys.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::SecretKey;

    fn vouched(
        required: &[&SecretKey],
        given: Option<Signature>,
        kept: &[Signature],
    ) -> Result<Option<Signature>, String> {
        let required = Required::new(required.iter().map(|key| key.public()).collect());
        let result = required.vouched("users 1.0.0", &digest(), given, kept.iter().copied());
        result.map_err(|error| error.to_string())
    }

    fn digest() -> Digest {
        Digest::of(b"users")
    }

    #[test]
    fn an_unsigned_component_is_taken() {
        let (key, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        let (signed, others) = (key.sign(&digest()).unwrap(), other.sign(&digest()).unwrap());
        assert_eq!(vouched(&[], None, &[]), Ok(None));
        let told = vouched(&[&key], None, &[]).unwrap_err();
        assert!(told.contains("users 1.0.0") && told.contains("is not signed"), "{told}");
        assert!(told.contains(&key.public().to_string()) && told.contains("holm keys sign"), "{told}");

        assert_eq!(vouched(&[&other, &key], Some(signed), &[]), Ok(Some(signed)));
        let told = vouched(&[&key], Some(others), &[]).unwrap_err();
        assert!(told.contains(&format!("is signed by {} alone", other.public())), "{told}");
    }

    #[test]
    fn a_wrong_signature_is_taken_where_none_is_asked_for() {
        let key = SecretKey::generate().unwrap();
        let wrong = key.sign(&Digest::of(b"other")).unwrap();
        for required in [&[][..], &[&key]] {
            let told = vouched(required, Some(wrong), &[]).unwrap_err();
            assert!(told.contains("sign the component again"), "{told}");
        }
    }

    #[test]
    fn a_component_that_was_signed_before_must_be_signed_again() {
        let (key, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        let (signed, others) = (key.sign(&digest()).unwrap(), other.sign(&digest()).unwrap());
        assert_eq!(vouched(&[&key], None, &[others, signed]), Ok(Some(signed)));
        assert_eq!(vouched(&[], None, &[others]), Ok(Some(others)));
        // what is kept must be right, too
        let wrong = key.sign(&Digest::of(b"other")).unwrap();
        assert!(vouched(&[&key], None, &[wrong]).unwrap_err().contains("is not signed"));
        // a key that is no longer trusted
        assert!(vouched(&[&key], None, &[others]).unwrap_err().contains("alone"));
    }
}
