//! Every limit by its name: as `holm inspect` shows it and as `/metrics` counts it.

use super::Settings;
use crate::units::format_duration;

/// One limit of a service. Those of the host are the same for all services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limit {
    /// `limits.memory`
    Memory,
    /// `limits.table_elements`
    TableElements,
    /// `limits.handles`
    Handles,
    /// `limits.host_call`
    HostCall,
    /// `limits.cpu`
    Cpu,
    /// `timeout`
    Timeout,
    /// `limits.concurrency`
    Concurrency,
    /// `limits.queue`
    Queue,
    /// `limits.queue_wait`
    QueueWait,
    /// `limits.request_body`
    RequestBody,
    /// `limits.response_body`
    ResponseBody,
    /// `limits.response_head`
    ResponseHead,
    /// `limits.response_headers`
    ResponseHeaders,
    /// `limits.keys`
    Keys,
    /// `limits.state`
    State,
    /// `limits.value`
    Value,
    /// `limits.log_rate`
    LogRate,
    /// `limits.outgoing`
    Outgoing,
    /// `limits.outgoing_body`
    OutgoingBody,
    /// `instances.max`
    Instances,
    /// `instances.concurrency`
    InstanceConcurrency,
    /// `instances.growth`
    Growth,
    /// `reuse`
    Reuse,
    /// The host's: stack of one call into a guest.
    Stack,
    /// The host's: core instances of one component.
    CoreInstances,
    /// The host's: memories of one component.
    Memories,
    /// The host's: tables of one component.
    Tables,
    /// The host's: bytes of one key.
    Key,
    /// The host's: keys of one batch.
    Batch,
    /// The host's: what one unit of work reads and writes.
    Unit,
    /// The host's: bytes of one event.
    Event,
    /// The host's: bytes of one request for random numbers.
    Random,
    /// The host's: services that wait for each other in a row.
    CallDepth,
    /// The host's: places for instances of all services.
    Places,
}

impl Limit {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 34] = [
        Self::Memory,
        Self::TableElements,
        Self::Handles,
        Self::HostCall,
        Self::Cpu,
        Self::Timeout,
        Self::Concurrency,
        Self::Queue,
        Self::QueueWait,
        Self::RequestBody,
        Self::ResponseBody,
        Self::ResponseHead,
        Self::ResponseHeaders,
        Self::Keys,
        Self::State,
        Self::Value,
        Self::LogRate,
        Self::Outgoing,
        Self::OutgoingBody,
        Self::Instances,
        Self::InstanceConcurrency,
        Self::Growth,
        Self::Reuse,
        Self::Stack,
        Self::CoreInstances,
        Self::Memories,
        Self::Tables,
        Self::Key,
        Self::Batch,
        Self::Unit,
        Self::Event,
        Self::Random,
        Self::CallDepth,
        Self::Places,
    ];

    /// The key in the manifest, below the service; of those of the host a plain name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "limits.memory",
            Self::TableElements => "limits.table_elements",
            Self::Handles => "limits.handles",
            Self::HostCall => "limits.host_call",
            Self::Cpu => "limits.cpu",
            Self::Timeout => "timeout",
            Self::Concurrency => "limits.concurrency",
            Self::Queue => "limits.queue",
            Self::QueueWait => "limits.queue_wait",
            Self::RequestBody => "limits.request_body",
            Self::ResponseBody => "limits.response_body",
            Self::ResponseHead => "limits.response_head",
            Self::ResponseHeaders => "limits.response_headers",
            Self::Keys => "limits.keys",
            Self::State => "limits.state",
            Self::Value => "limits.value",
            Self::LogRate => "limits.log_rate",
            Self::Outgoing => "limits.outgoing",
            Self::OutgoingBody => "limits.outgoing_body",
            Self::Instances => "instances.max",
            Self::InstanceConcurrency => "instances.concurrency",
            Self::Growth => "instances.growth",
            Self::Reuse => "reuse",
            Self::Stack => "stack",
            Self::CoreInstances => "core-instances",
            Self::Memories => "memories",
            Self::Tables => "tables",
            Self::Key => "key",
            Self::Batch => "batch",
            Self::Unit => "unit-of-work",
            Self::Event => "event",
            Self::Random => "random",
            Self::CallDepth => "call-depth",
            Self::Places => "places",
        }
    }

    /// What would happen without it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Memory => "one service must not take the memory of all",
            Self::TableElements => "a table that grows is memory of the host, too",
            Self::Handles => "what a guest forgets to close is memory of the host",
            Self::HostCall => "what a guest hands over in one call, the host has to allocate",
            Self::Cpu => "one request must not keep a processor from the others",
            Self::Timeout => "a client's patience ends, and a request that never does holds its permit for ever",
            Self::Concurrency => "each invocation holds memory; more at once make all of them slower",
            Self::Queue => "a longer queue makes late answers out of refusals",
            Self::QueueWait => "who waited for most of the timeout would be let in only to fail",
            Self::RequestBody => "a guest that gathers a body holds it in its memory",
            Self::ResponseBody => "an answer without end holds its connection and its instance",
            Self::ResponseHead => "header fields are held in the host's memory until they are sent",
            Self::ResponseHeaders => "clients and proxies refuse heads with more fields",
            Self::Keys => "every key costs the store a place in its tree",
            Self::State => "all services share one disk, and one start reads it all",
            Self::Value => "a value is held in memory until it is committed",
            Self::LogRate => "a flood of lines would bury the others' lines and fill the disk",
            Self::Outgoing => "each request to others holds a connection, and a slow one holds it for long",
            Self::OutgoingBody => "an answer from outside without end holds its connection and its instance",
            Self::Instances => "each instance reserves memory of the host",
            Self::InstanceConcurrency => "requests in one instance share its limits, and one that traps ends them all",
            Self::Growth => "memory never shrinks: one large request would cost its memory for good",
            Self::Reuse => "an instance is replaced some day, which bounds what a leak costs",
            Self::Stack => "a recursion without end has to meet something",
            Self::CoreInstances => "each takes a place in the pool that all services share",
            Self::Memories => "each takes a place in the pool that all services share",
            Self::Tables => "each takes a place in the pool that all services share",
            Self::Key => "keys are held in the inner pages of the store's tree",
            Self::Batch => "a call into the host is not interrupted, so it must be short",
            Self::Unit => "a unit of work is held in memory until it commits, and then blocks the readers",
            Self::Event => "an event travels in one message of a broker's, which takes 1 MiB",
            Self::Random => "a key is 64 bytes; much more only makes the host allocate",
            Self::CallDepth => "a longer chain is a mistake nearly always, and each link holds an instance",
            Self::Places => "each service keeps room for one instance, so that no other can take the last",
        }
    }
}

impl Settings {
    /// The value of a limit as the manifest writes it; `None` for those of the host.
    pub fn limit(&self, limit: Limit) -> Option<String> {
        let limits = &self.limits;
        Some(match limit {
            Limit::Memory => limits.memory.to_string(),
            Limit::TableElements => limits.table_elements.to_string(),
            Limit::Handles => limits.handles.to_string(),
            Limit::HostCall => limits.host_call.to_string(),
            Limit::Cpu => format_duration(limits.cpu),
            Limit::Timeout => format_duration(self.timeout),
            Limit::Concurrency => limits.concurrency.to_string(),
            Limit::Queue => limits.queue.to_string(),
            Limit::QueueWait => format_duration(limits.queue_wait),
            Limit::RequestBody => limits.request_body.to_string(),
            Limit::ResponseBody => limits.response_body.to_string(),
            Limit::ResponseHead => limits.response_head.to_string(),
            Limit::ResponseHeaders => limits.response_headers.to_string(),
            Limit::Keys => limits.keys.to_string(),
            Limit::State => limits.state.to_string(),
            Limit::Value => limits.value.to_string(),
            Limit::LogRate => limits.log_rate.to_string(),
            Limit::Outgoing => limits.outgoing.to_string(),
            Limit::OutgoingBody => limits.outgoing_body.to_string(),
            Limit::Instances => self.instances.max.to_string(),
            Limit::InstanceConcurrency => self.instances.concurrency.to_string(),
            Limit::Growth => self.instances.growth.to_string(),
            Limit::Reuse => self.reuse.to_string(),
            Limit::Stack
            | Limit::CoreInstances
            | Limit::Memories
            | Limit::Tables
            | Limit::Key
            | Limit::Batch
            | Limit::Unit
            | Limit::Event
            | Limit::Random
            | Limit::CallDepth
            | Limit::Places => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn two_limits_are_counted_under_one_name_or_one_is_not_shown() {
        let names: BTreeSet<&str> = Limit::ALL.iter().map(|limit| limit.name()).collect();
        assert_eq!(names.len(), Limit::ALL.len());
        let ordered: BTreeSet<Limit> = Limit::ALL.into_iter().collect();
        assert_eq!(ordered.into_iter().collect::<Vec<_>>(), Limit::ALL, "in the order of the declaration");
    }

    #[test]
    fn a_limit_is_shown_under_a_key_that_the_manifest_does_not_have() {
        let json = serde_json::to_value(Settings::default()).unwrap();
        for limit in Limit::ALL {
            let pointer = format!("/{}", limit.name().replace('.', "/"));
            assert_eq!(json.pointer(&pointer).is_some(), Settings::default().limit(limit).is_some(), "{pointer}");
        }
        let names: BTreeSet<&str> = Limit::ALL.iter().map(|limit| limit.name()).collect();
        for key in json["limits"].as_object().unwrap().keys() {
            assert!(names.contains(format!("limits.{key}").as_str()), "limits.{key} has no name and no reason");
        }
    }
}
