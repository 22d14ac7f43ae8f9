//! What a store can be opened with, and told before it is used.

use super::Engine;
use crate::clock::Clock;
use crate::command::acl;
use crate::hub::Config;
use crate::hub::config;

/// Where a store reads the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClockOption {
    #[default]
    System,
    /// Stands still at this millisecond until it is moved.
    Manual(u64),
}

/// The options of a store; all have defaults.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub clock: ClockOption,
    /// Makes everything random foretellable.
    pub seed: Option<u64>,
    /// Settings as CONFIG SET takes them, already checked.
    pub settings: Vec<(usize, i64)>,
}

impl Options {
    /// Adds a setting by its CONFIG name. `Err` says what is wrong with it.
    pub fn setting(&mut self, name: &str, value: &str) -> Result<(), String> {
        let parameter = Config::find(name.as_bytes())
            .ok_or_else(|| format!("there is no setting named '{name}'"))?;
        let value = parameter.parse(value.as_bytes()).map_err(|why| format!("{name}: {why}"))?;
        self.settings.push((parameter.index(), value));
        Ok(())
    }

    pub(super) fn clock(&self) -> Clock {
        match self.clock {
            ClockOption::System => Clock::System,
            ClockOption::Manual(start_ms) => Clock::manual(start_ms),
        }
    }

    pub(super) fn apply(&self, settings: &config::Config) {
        for (index, value) in &self.settings {
            settings.set(*index, *value);
        }
    }
}

impl Engine {
    /// Takes the users from a file, and keeps them there from now on (ACL LOAD, ACL SAVE). `Err`
    /// holds everything that is wrong with it; then the users stay as they were.
    pub fn use_acl_file(&self, path: &str) -> Result<(), String> {
        self.hub.acl.file_path.lock().replace_range(.., path);
        acl::load_file(&self.hub)
    }

    /// Makes or changes a user, as the directive `user` of a configuration file does.
    pub fn define_user(&self, name: &[u8], rules: &[&[u8]]) -> Result<(), String> {
        acl::define_user(&self.hub, name, rules)
    }
}
