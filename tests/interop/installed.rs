//! The verifiers and generators of others, as pinned, in a folder of the target.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where this crate keeps the scripts that run them.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop")
}

/// Where they are, installed if need be.
pub fn installed() -> PathBuf {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop");
        let status = Command::new(folder().join("install")).arg(&target).status();
        assert!(status.unwrap().success(), "tests/interop/install failed");
        target
    });
    installed.clone()
}
