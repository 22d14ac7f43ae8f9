//! What a configuration file says, line by line, before the store is used.

use super::Engine;
use crate::hub::acl::DEFAULT;
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
        } else if name.eq_ignore_ascii_case(b"user") {
            self.configure_user(values)?;
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

    /// `user name rule ...`: each at most once, and the default one begins anew.
    fn configure_user(&self, values: &[Vec<u8>]) -> Result<(), Refusal> {
        let Some((name, rules)) = values.split_first() else {
            return Err(WRONG_COUNT.to_owned());
        };
        if **name != *DEFAULT && self.hub.acl.user(name).is_some() {
            let name = String::from_utf8_lossy(name);
            return Err(format!(
                "Error in user declaration '{name}': Duplicate user found. A user can only be \
                 defined once in config files"
            ));
        }
        let rules: Vec<&[u8]> =
            [b"reset".as_slice()].into_iter().chain(rules.iter().map(Vec::as_slice)).collect();
        self.define_user(name, &rules)
            .map_err(|why| why.replace("in ACL SETUSER modifier", "in user declaration"))
    }

    /// Takes the users from the file that was configured, if there is one. `Err` says why the
    /// store should not be used.
    pub fn load_users(&self) -> Result<(), String> {
        let path = self.hub.acl.file_path.lock().clone();
        if path.is_empty() {
            return Ok(());
        }
        if self.hub.acl.users().len() > 1 {
            return Err(
                "Configuring users and an ACL file at the same time is invalid. This setup \
                        is very likely to lead to configuration errors and security holes, please \
                        define either an ACL file or declare users directly, but not both."
                    .to_owned(),
            );
        }
        self.use_acl_file(&path)
            .map_err(|why| format!("Aborting startup because of ACL errors: {why}"))
    }
}
