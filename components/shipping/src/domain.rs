//! What may become of a parcel: every order that is confirmed gets one.
//!
//! ```text
//! preparing ──> dispatched ──> delivered
//!     │  └───────────┴───────> failed
//!     └──> stopped   └───────> called-back
//! ```

use serde::{Deserialize, Serialize};

/// The longest reason that a carrier may give.
pub const REASON_LIMIT: usize = 200;

/// The parcel of one order, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    pub order_id: String,
    pub user_id: String,
    pub status: Status,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it went through, the oldest first.
    pub history: Vec<Step>,
}

/// Where a parcel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// In the house.
    Preparing,
    /// With the carrier.
    Dispatched,
    /// With the buyer.
    Delivered,
    /// It cannot be delivered.
    Failed,
    /// Its order was given up before it left.
    Stopped,
    /// Its order was given up on its way: the carrier brings it back.
    CalledBack,
}

/// When a parcel got to a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub status: Status,
    /// RFC 3339.
    pub at: String,
}

/// Something cannot happen to a parcel any more, or not yet.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub from: Status,
    pub to: Status,
}

impl Parcel {
    /// The parcel of an order that is confirmed.
    pub fn new(order_id: String, user_id: String, now: String) -> Self {
        let status = Status::Preparing;
        Self { order_id, user_id, status, reason: None, history: vec![Step { status, at: now }] }
    }

    /// The same parcel elsewhere.
    pub fn moved(mut self, to: Status, now: String) -> Result<Self, Refusal> {
        if !self.status.leads_to(to) {
            return Err(Refusal { from: self.status, to });
        }
        self.history.push(Step { status: to, at: now });
        Ok(Self { status: to, ..self })
    }

    /// The same parcel when its order is given up. `None`: it is too late for that.
    pub fn given_up(self, now: String) -> Option<Self> {
        let to = if self.status == Status::Preparing { Status::Stopped } else { Status::CalledBack };
        self.moved(to, now).ok()
    }
}

impl Status {
    fn leads_to(self, to: Self) -> bool {
        match self {
            Self::Preparing => matches!(to, Self::Dispatched | Self::Failed | Self::Stopped),
            Self::Dispatched => matches!(to, Self::Delivered | Self::Failed | Self::CalledBack),
            Self::Delivered | Self::Failed | Self::Stopped | Self::CalledBack => false,
        }
    }

    /// As it is written in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Dispatched => "dispatched",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::CalledBack => "called-back",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Status; 6] =
        [Status::Preparing, Status::Dispatched, Status::Delivered, Status::Failed, Status::Stopped, Status::CalledBack];

    fn at(way: &[Status]) -> Parcel {
        let parcel = Parcel::new("7".into(), "ada".into(), "2026-11-22T09:30:00Z".into());
        way.iter().fold(parcel, |parcel, to| parcel.moved(*to, "2026-11-22T10:00:00Z".into()).unwrap())
    }

    #[test]
    fn a_parcel_arrives_that_never_left_or_leaves_again() {
        assert!(at(&[]).moved(Status::Delivered, String::new()).is_err());
        let delivered = at(&[Status::Dispatched, Status::Delivered]);
        assert_eq!(delivered.history.len(), 3);
        for to in ALL {
            assert_eq!(delivered.clone().moved(to, String::new()), Err(Refusal { from: Status::Delivered, to }));
        }
    }

    #[test]
    fn an_order_that_was_given_up_is_delivered() {
        let stopped = at(&[]).given_up(String::new()).unwrap();
        assert_eq!(stopped.status, Status::Stopped);
        assert!(stopped.moved(Status::Dispatched, String::new()).is_err());
        assert_eq!(at(&[Status::Dispatched]).given_up(String::new()).unwrap().status, Status::CalledBack);
        assert_eq!(at(&[Status::Dispatched, Status::Delivered]).given_up(String::new()), None);
        assert_eq!(at(&[Status::Failed]).given_up(String::new()), None);
    }

    #[test]
    fn a_status_is_told_by_another_name_than_it_is_shown() {
        for status in ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
        }
    }
}
