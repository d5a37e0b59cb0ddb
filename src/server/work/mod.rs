//! `/v1/work`: background processing for processors in any language (API.md, "Work").

mod claim;
mod lease;
mod settle;

pub(super) use claim::{__path_claim, claim};
pub(super) use settle::{
    __path_again, __path_approve, __path_fail, __path_heartbeat, __path_release, again, approve,
    fail, heartbeat, release,
};
