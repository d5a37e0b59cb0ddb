//! Whether a secret is a token's.

use hmac::digest::CtOutput;
use sha2::{Digest, Sha256};

use super::record::Token;
use super::secret::TokenSecret;

impl TokenSecret {
    /// What the store keeps of it: the SHA-256 of the 32 bytes of the secret, not of their
    /// hexadecimal digits, and without the id.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.bytes()).into()
    }

    /// Whether it is the secret of this token. It takes the same time wherever the hashes differ.
    #[must_use]
    pub fn matches(&self, token: &Token) -> bool {
        let hashes = [self.hash(), token.secret_hash];
        // Their comparison takes constant time.
        let [ours, kept] = hashes.map(|it| CtOutput::<Sha256>::new(it.into()));
        ours == kept
    }
}
