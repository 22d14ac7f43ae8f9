//! What a configuration file says, line by line, before the store is used.

use super::Engine;
use crate::hub::config::{Format, Refusal};
use crate::hub::{Config, advice};

const WRONG_COUNT: &str = "wrong number of arguments";

impl Engine {
    /// Sets what a line of a configuration file names. `Err` says what is wrong with it, in the
    /// words of a server.
    pub fn configure(&self, words: &[Vec<u8>]) -> Result<(), Refusal> {
        let Some((name, values)) = words.split_first() else { return Ok(()) };
        let one = || match values {
            [value] => Ok(value.as_slice()),
            _ => Err(WRONG_COUNT.to_owned()),
        };
        let all = || values.join(&b' ');
        let config = &self.hub.config;
        if name.eq_ignore_ascii_case(b"requirepass") {
            self.hub.acl.require_password(one()?);
        } else if name.eq_ignore_ascii_case(b"aclfile") {
            *self.hub.acl.file_path.lock() = String::from_utf8_lossy(one()?).into_owned();
        } else if let Some(parameter) = Config::find(name) {
            let value = match parameter.format {
                Format::OutputLimits | Format::Text => parameter.parse(&all())?,
                _ => parameter.parse(one()?)?,
            };
            config.set(parameter.index(), value);
            self.settings_changed();
        } else if let Some(advice) = advice::find(name) {
            let value = if advice.format == Format::Text { all() } else { one()?.to_vec() };
            config.advice.take(advice, &value)?;
        } else if let Some(fixed) = Config::find_fixed(name) {
            let value = String::from_utf8_lossy(&all()).into_owned();
            if !value.eq_ignore_ascii_case(fixed.value) {
                let only = fixed.value;
                return Err(format!("latchkey does not have this, the only value is '{only}'"));
            }
        } else {
            return Err("Bad directive or wrong number of arguments".to_owned());
        }
        Ok(())
    }
}
