//! What happens to the pair in a round, once.

use std::time::Duration;

use crate::pair::{Pair, Return, resume};
use crate::process::now;
use crate::proxy::{Proxy, Wire};
use crate::random::Random;

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The primary is killed, the standby promoted.
    Killed,
    /// The primary is stopped, the standby promoted.
    Stopped,
    /// The primary is suspended and the standby promoted; then the old primary goes on.
    Suspended,
    /// The wire to the primary does this; the standby is promoted; then the wire is up again.
    CutAndPromoted(Wire),
    /// The wire to the primary does this, and is up again.
    CutAndBack(Wire),
    /// While the standby is away, the waits for it are cancelled; then it is promoted.
    Cancelled,
    /// While the standby is away, sessions that wait for it are terminated; then it is promoted.
    Terminated,
    /// While the standby is away, a session that waits for it is killed, and the primary recovers;
    /// then the standby is promoted.
    Recovered,
    /// The standby is promoted while the primary is up.
    PromotedBeside,
    /// The standby goes away and comes back.
    Away,
}

impl Fault {
    /// Every one, in the order in which rounds take them: the first few differ the most.
    pub const ALL: [Self; 14] = [
        Self::Killed,
        Self::Cancelled,
        Self::Away,
        Self::Suspended,
        Self::CutAndPromoted(Wire::Stalled),
        Self::Terminated,
        Self::PromotedBeside,
        Self::Stopped,
        Self::CutAndBack(Wire::Away),
        Self::Recovered,
        Self::CutAndPromoted(Wire::Away),
        Self::CutAndBack(Wire::Stalled),
        Self::CutAndPromoted(Wire::Lost),
        Self::CutAndBack(Wire::Lost),
    ];

    pub const fn is_of_the_wire(self) -> bool {
        matches!(self, Self::CutAndPromoted(_) | Self::CutAndBack(_))
    }
}

/// How a round goes on after its fault, by chance.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub fault: Fault,
    /// How the old primary comes back, if it does.
    pub comes_back: Option<Return>,
    /// How long the fault lasts.
    pub lasts: Duration,
}

impl Plan {
    pub fn new(fault: Fault, random: &mut Random, is_short: bool) -> Self {
        let comes_back = *random.pick(&[None, Some(Return::Rewound), Some(Return::Copied)]);
        let seconds = match (fault, is_short) {
            (_, true) => 3,
            (Fault::Suspended | Fault::CutAndPromoted(_), false) => 15,
            (_, false) => 3 + random.below(6),
        };
        Self {
            fault,
            comes_back,
            lasts: Duration::from_secs(seconds),
        }
    }

    /// Does it, under load; when a server could write again after it, in milliseconds since 1970.
    pub async fn carry_out(self, pair: &Pair, wire: Option<&Proxy>) -> u128 {
        let (part, rest) = (self.lasts / 3, self.lasts / 3 * 2);
        let mut suspended = Vec::new();
        match self.fault {
            Fault::Killed => pair.primary().kill(),
            Fault::Stopped => pair.primary().stop("fast"),
            Fault::Suspended => {
                suspended = pair.primary().suspend();
                tokio::time::sleep(part).await;
            }
            Fault::CutAndPromoted(how) => {
                wire.unwrap().be(how);
                tokio::time::sleep(part).await;
            }
            Fault::CutAndBack(how) => {
                wire.unwrap().be(how);
                tokio::time::sleep(self.lasts).await;
                wire.unwrap().be(Wire::Up);
                return now();
            }
            Fault::Cancelled | Fault::Terminated | Fault::Recovered => {
                pair.standby_away();
                self.end_waits(pair).await;
                pair.primary().stop("immediate");
                pair.other().restart();
            }
            Fault::PromotedBeside => {}
            Fault::Away => {
                pair.standby_away();
                tokio::time::sleep(self.lasts).await;
                pair.standby_back().await;
                return now();
            }
        }
        pair.promote().await;
        let writable = now();
        match self.fault {
            Fault::Suspended => {
                tokio::time::sleep(rest).await;
                resume(&suspended);
            }
            Fault::CutAndPromoted(_) => {
                tokio::time::sleep(rest).await;
                wire.unwrap().be(Wire::Up);
            }
            // The load has to leave the old primary by itself.
            Fault::PromotedBeside => tokio::time::sleep(self.lasts).await,
            _ => {}
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.come_back(pair).await;
        writable
    }

    /// For a while, no wait for the standby lasts.
    async fn end_waits(self, pair: &Pair) {
        pair.sessions_wait(1).await;
        if self.fault == Fault::Recovered {
            pair.kill_a_waiting_session().await;
            tokio::time::sleep(self.lasts).await;
            return;
        }
        let function = match self.fault {
            Fault::Cancelled => "pg_cancel_backend",
            _ => "pg_terminate_backend",
        };
        let (mut ended, tries) = (0, self.lasts.as_millis() / 100);
        for _ in 0..tries {
            ended += pair.end_waits(function).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(ended > 0, "nothing has waited for the standby");
    }

    /// The old primary, stopped if it is up still, becomes the standby.
    async fn come_back(self, pair: &Pair) {
        let Some(how) = self.comes_back else {
            return;
        };
        let is_up = matches!(
            self.fault,
            Fault::Suspended | Fault::CutAndPromoted(_) | Fault::PromotedBeside
        );
        if is_up {
            pair.other().stop("fast");
        }
        pair.come_back(how).await;
    }
}
