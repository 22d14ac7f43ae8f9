//! Which scripts are known, by SHA1 and by text.
//!
//! EVAL finds its script by the text itself, which is quicker than hashing it again; EVALSHA finds
//! it by the hash. What was only ever EVALed is forgotten again when there are many such scripts,
//! as servers do; what was loaded stays until SCRIPT FLUSH.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use parking_lot::{Mutex, MutexGuard};
use sha1::{Digest, Sha1};

use super::Host;
use super::figures::Figures;
use super::library::Libraries;
use super::machine::{Compiled, Machine};
use super::sandbox::World;
use super::watch::{Kind, Watch};
use crate::error::{Error, Result};

/// Scripts that were only EVALed and are kept.
const EVALED_MAX: usize = 500;

/// A SHA1 in hexadecimal digits, as clients know it.
pub type Sha = [u8; 40];

/// What the first line of a script says of it.
#[expect(clippy::struct_excessive_bools, reason = "each is a word of its own in the shebang")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// There is no shebang: the script is judged by what it does, command by command.
    pub is_plain: bool,
    pub no_writes: bool,
    pub allow_oom: bool,
    pub allow_stale: bool,
    pub no_cluster: bool,
    pub allow_cross_slot_keys: bool,
}

impl Flags {
    /// Sets the flag of this name; `false` if there is none.
    pub fn set(&mut self, name: &[u8]) -> bool {
        let flag = match name {
            b"no-writes" => &mut self.no_writes,
            b"allow-oom" => &mut self.allow_oom,
            b"allow-stale" => &mut self.allow_stale,
            b"no-cluster" => &mut self.no_cluster,
            b"allow-cross-slot-keys" => &mut self.allow_cross_slot_keys,
            _ => return false,
        };
        *flag = true;
        true
    }

    /// As `set`, for a name in any case.
    pub fn set_word(&mut self, name: &[u8]) -> bool {
        self.set(&name.to_ascii_lowercase())
    }

    /// The names of those that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.no_writes, "no-writes"),
            (self.allow_oom, "allow-oom"),
            (self.allow_stale, "allow-stale"),
            (self.no_cluster, "no-cluster"),
            (self.allow_cross_slot_keys, "allow-cross-slot-keys"),
        ];
        all.into_iter().filter_map(|(is_set, name)| is_set.then_some(name))
    }
}

/// So many long runs, one after another, show that a script is not short. One alone does not: its
/// thread may have been interrupted, and all that its client asked meanwhile would pay for it.
const UNPROVEN: u8 = 2;

/// How long a run took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Took {
    Short,
    Long,
    /// It was taken off its thread.
    TooLong,
}

/// A script that was compiled.
pub struct Script {
    pub sha: Sha,
    pub text: Box<[u8]>,
    pub flags: Flags,
    compiled: Compiled,
    /// It was loaded on purpose, and stays.
    is_loaded: AtomicBool,
    pub proof: Proof,
}

impl Script {
    /// What it takes, beside what Lua has of it.
    fn bytes(&self) -> usize {
        let places = size_of::<(Sha, Arc<Self>)>() + size_of::<TextOf>();
        self.text.len() + size_of::<Self>() + places
    }

    /// What Lua runs.
    pub fn compiled(&self) -> Compiled {
        self.compiled
    }
}

/// Whether a script or function is short: how many of its last runs were long, in a row.
pub struct Proof {
    long_runs: AtomicU8,
}

impl Default for Proof {
    fn default() -> Self {
        Self { long_runs: AtomicU8::new(UNPROVEN) }
    }
}

impl Proof {
    /// May the next run be on the calling thread?
    pub fn is_short(&self) -> bool {
        self.long_runs.load(Ordering::Relaxed) < UNPROVEN
    }

    /// Remembers how long a run took.
    pub fn add(&self, run: Took) {
        let long_runs = match run {
            Took::Short => 0,
            Took::Long => self.long_runs.load(Ordering::Relaxed).saturating_add(1),
            Took::TooLong => UNPROVEN,
        };
        self.long_runs.store(long_runs, Ordering::Relaxed);
    }
}

/// The scripts of a store, and the Lua state they run in.
#[derive(Default)]
pub struct Known {
    /// What chance begins with in a new Lua state.
    seed: u64,
    machine: Option<Machine>,
    by_sha: HashMap<Sha, Arc<Script>, foldhash::fast::RandomState>,
    by_text: HashMap<TextOf, Arc<Script>, foldhash::fast::RandomState>,
    /// Those that were only EVALed, the oldest first.
    evaled: VecDeque<Sha>,
    figures: Arc<Figures>,
}

/// A script as the key of its own text.
struct TextOf(Arc<Script>);

impl std::borrow::Borrow<[u8]> for TextOf {
    fn borrow(&self) -> &[u8] {
        &self.0.text
    }
}

impl PartialEq for TextOf {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for TextOf {}

impl std::hash::Hash for TextOf {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.text.hash(state);
    }
}

/// What a store has for scripts.
pub struct Scripts {
    pub watch: Watch,
    known: Mutex<Known>,
    libraries: Mutex<Libraries>,
    of_known: Arc<Figures>,
    of_libraries: Arc<Figures>,
}

impl Scripts {
    /// For a store with this seed.
    pub fn new(seed: u64) -> Self {
        let (of_known, of_libraries) = (Arc::default(), Arc::default());
        let known = Known { seed, figures: Arc::clone(&of_known), ..Known::default() };
        let libraries = Libraries::new(seed, Arc::clone(&of_libraries));
        Self {
            watch: Watch::default(),
            known: Mutex::new(known),
            libraries: Mutex::new(libraries),
            of_known,
            of_libraries,
        }
    }

    /// For who holds the store's gate alone: nobody else asks meanwhile.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock()
    }

    /// As `known`, for libraries of functions.
    pub fn libraries(&self) -> MutexGuard<'_, Libraries> {
        self.libraries.lock()
    }

    /// A panic went through the Lua state of scripts, or of functions: it begins anew. Scripts have
    /// to be sent again; libraries are loaded again.
    #[cold]
    pub fn replace_machine(&self, kind: Kind, host: &mut dyn Host) {
        match kind {
            Kind::Script => self.known().flush(),
            _ => self.libraries().load_again(host, &self.watch),
        }
    }

    /// Figures of the scripts, then of the libraries. For everybody, a running script included.
    pub fn figures(&self) -> (&Figures, &Figures) {
        if let Some(known) = self.known.try_lock() {
            self.of_known.note_lua(known.lua_bytes());
        }
        if let Some(libraries) = self.libraries.try_lock() {
            self.of_libraries.note_lua(libraries.lua_bytes());
        }
        (&self.of_known, &self.of_libraries)
    }
}

/// The SHA1 of a text, in the digits that clients know.
pub fn sha1_hex(text: &[u8]) -> Sha {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut sha = [0; 40];
    for (pair, byte) in sha.chunks_exact_mut(2).zip(Sha1::digest(text)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    sha
}

impl Known {
    /// The script of this text, if it was compiled before.
    pub fn by_text(&self, text: &[u8]) -> Option<Arc<Script>> {
        self.by_text.get(text).cloned()
    }

    /// The script with this SHA1, in digits of any case.
    pub fn by_sha(&self, sha: &[u8]) -> Option<Arc<Script>> {
        let mut sha: Sha = sha.try_into().ok()?;
        sha.make_ascii_lowercase();
        self.by_sha.get(&sha).cloned()
    }

    /// The Lua state; made when it is first asked for.
    pub fn machine(&mut self) -> Result<&mut Machine> {
        if self.machine.is_none() {
            self.machine = Some(Machine::new(World::Scripts, self.seed)?);
        }
        Ok(self.machine.as_mut().expect("it was just made"))
    }

    /// Compiles a text for EVAL.
    pub fn evaled(&mut self, text: &[u8]) -> Result<Arc<Script>> {
        if let Some(script) = self.by_text(text) {
            return Ok(script);
        }
        let script = self.add(text)?;
        self.evaled.push_back(script.sha);
        if self.evaled.len() > EVALED_MAX {
            self.forget_oldest();
        }
        Ok(script)
    }

    /// Compiles a text for SCRIPT LOAD.
    pub fn load(&mut self, text: &[u8]) -> Result<Arc<Script>> {
        let script = match self.by_text(text) {
            Some(script) => script,
            None => self.add(text)?,
        };
        if !script.is_loaded.swap(true, Ordering::Relaxed) {
            self.evaled.retain(|sha| *sha != script.sha);
        }
        Ok(script)
    }

    fn add(&mut self, text: &[u8]) -> Result<Arc<Script>> {
        let (flags, rest) = parse_shebang(text)?;
        let compiled = self.machine()?.compile(rest, c"@user_script").map_err(|words| {
            Error::text(format!("ERR Error compiling script (new function): {words}"))
        })?;
        let script = Arc::new(Script {
            sha: sha1_hex(text),
            text: text.into(),
            flags,
            compiled,
            is_loaded: AtomicBool::new(false),
            proof: Proof::default(),
        });
        self.by_sha.insert(script.sha, Arc::clone(&script));
        self.by_text.insert(TextOf(Arc::clone(&script)), Arc::clone(&script));
        self.figures.added(0, script.bytes());
        Ok(script)
    }

    fn forget_oldest(&mut self) {
        let Some(script) = self.evaled.pop_front().and_then(|sha| self.by_sha.remove(&sha)) else {
            return;
        };
        self.by_text.remove(&*script.text);
        if let Some(machine) = &mut self.machine {
            machine.forget(script.compiled);
        }
        self.figures.removed(0, script.bytes());
        self.figures.note_evicted();
    }

    /// Forgets all scripts, and what Lua kept for them.
    pub fn flush(&mut self) {
        let figures = std::mem::take(&mut self.figures);
        figures.flushed();
        *self = Self { seed: self.seed, figures, ..Self::default() };
    }

    /// Bytes that Lua holds.
    pub fn lua_bytes(&self) -> usize {
        self.machine.as_ref().map_or(0, Machine::used_bytes)
    }
}

/// Reads `#!lua name=value ...`. The rest keeps the end of that line, so that lines count on.
fn parse_shebang(text: &[u8]) -> Result<(Flags, &[u8])> {
    let plain = Flags { is_plain: true, ..Flags::default() };
    if !text.starts_with(b"#!") {
        return Ok((plain, text));
    }
    let Some(end) = memchr::memchr(b'\n', text) else {
        return Err(Error::Plain("ERR Invalid script shebang"));
    };
    let mut words = text[..end].split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    if engine != b"#!lua" {
        let engine = String::from_utf8_lossy(engine).into_owned();
        return Err(Error::text(format!("ERR Unexpected engine in script shebang: {engine}")));
    }
    let mut flags = Flags::default();
    for word in words {
        let Some(names) = word.strip_prefix(b"flags=") else {
            let word = String::from_utf8_lossy(word);
            return Err(Error::text(format!("ERR Unknown lua shebang option: {word}")));
        };
        for name in names.split(|byte| *byte == b',') {
            if !names.is_empty() && !flags.set(name) {
                let name = String::from_utf8_lossy(name);
                return Err(Error::text(format!("ERR Unexpected flag in script shebang: {name}")));
            }
        }
    }
    Ok((flags, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::{Proof, Took};

    #[test]
    fn a_script_is_short_from_a_short_run_until_two_in_a_row_are_not() {
        let proof = Proof::default();
        assert!(!proof.is_short());
        proof.add(Took::Long);
        assert!(!proof.is_short());
        for _ in 0..2 {
            proof.add(Took::Short);
            assert!(proof.is_short());
            proof.add(Took::Long);
            assert!(proof.is_short());
        }
        proof.add(Took::Long);
        assert!(!proof.is_short());
        proof.add(Took::Short);
        proof.add(Took::TooLong);
        assert!(!proof.is_short());
    }
}
