//! The options of every command that compiles components.

use std::time::Duration;

use holm_registry::units::{ByteSize, format_duration, parse_duration};

use crate::config::CompileLimits;

/// What compiling one component may take; a refusal names the limit that was met.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Compiling")]
pub(super) struct CompileArgs {
    /// CPU time that compiling one component may take, in whole seconds [default: 1m]
    #[arg(long, value_name = "DURATION", value_parser = whole_seconds)]
    compile_cpu: Option<Duration>,
    /// Time by the clock that it may take [default: 4m]
    #[arg(long, value_name = "DURATION", value_parser = some_time)]
    compile_timeout: Option<Duration>,
    /// Memory that it may take [default: 2GiB]
    #[arg(long, value_name = "SIZE")]
    compile_memory: Option<ByteSize>,
}

impl From<CompileArgs> for CompileLimits {
    fn from(args: CompileArgs) -> Self {
        let default = Self::default();
        Self {
            cpu: args.compile_cpu.unwrap_or(default.cpu),
            time: args.compile_timeout.unwrap_or(default.time),
            memory: args.compile_memory.unwrap_or(default.memory),
        }
    }
}

/// The system counts the CPU time of a process in seconds.
fn whole_seconds(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).map_err(|error| error.to_string())?;
    if duration.is_zero() || duration.subsec_nanos() > 0 {
        return Err(format!("`{}` is not a whole number of seconds; write 1s or more", format_duration(duration)));
    }
    Ok(duration)
}

fn some_time(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("in no time nothing is compiled; write 1s or more".to_owned()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        compile: CompileArgs,
    }

    #[test]
    fn the_help_tells_other_defaults_than_there_are() {
        let CompileLimits { cpu, time, memory } = CompileLimits::default();
        let help = Command::command().render_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for default in [format_duration(cpu), format_duration(time), memory.to_string()] {
            assert!(help.contains(&format!("[default: {default}]")), "{default} is not in\n{help}");
        }
    }

    #[test]
    fn half_a_second_of_cpu_is_none() {
        assert_eq!(whole_seconds("2s"), Ok(Duration::from_secs(2)));
        for wrong in ["0s", "1500ms", "soon"] {
            assert!(whole_seconds(wrong).is_err(), "{wrong}");
        }
        assert!(some_time("0s").is_err() && some_time("500ms").is_ok());
    }
}
