//! What a manifest says for the gateway, before it is deployed: pure but for reading keys.

use holm_registry::gateway::GatewaySettings;

use super::api::{AppSet, DeployError};

/// Whether the gateway can build what its rules share; else why not.
pub type CheckGateway = Box<dyn Fn(&GatewaySettings) -> Result<(), String> + Send + Sync>;

/// Refuses settings that make no sense, rules that refer to what is not there, and keys that cannot
/// be read.
///
/// # Errors
/// All that is wrong.
pub(super) fn check(app: &AppSet, can_build: &CheckGateway) -> Result<(), DeployError> {
    let mut wrong: Vec<String> = Vec::new();
    for problem in app.gateway.problems() {
        wrong.push(format!("gateway.{}: {}; {}", problem.field, problem.message, problem.help));
    }
    for route in &app.routes {
        let (unknown, misfits) = (app.gateway.unknown(&route.chain), app.gateway.misfits(&route.chain));
        for misfit in unknown.into_iter().chain(misfits) {
            wrong.push(format!("the route {}: {}; {}", route.path, misfit.message, misfit.help));
        }
        for problem in route.policy.problems() {
            wrong.push(format!("the route {}: {}; {}", route.path, problem.message, problem.help));
        }
    }
    if wrong.is_empty() {
        wrong.extend(can_build(&app.gateway).err());
    }
    if wrong.is_empty() { Ok(()) } else { Err(DeployError::Rejected(wrong.join("; "))) }
}
