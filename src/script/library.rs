//! Which functions are known, by name, and the libraries that registered them.
//!
//! Functions of a store live in a Lua state of their own, apart from that of scripts. A library is
//! loaded whole or not at all: what it registers is looked at before anything is changed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use smallvec::SmallVec;

use super::Host;
use super::cache::{Flags, Proof, Script};
use super::figures::Figures;
use super::loading::{INVALID_NAME, Registered, is_name};
use super::machine::{Compiled, Machine};
use super::sandbox::World;
use super::watch::{Kind, Watch};
use crate::error::{Error, Result};
use crate::quoting;

/// Longest time that loading may take.
const LOAD_LIMIT_MS: u64 = 500;

/// A function that was registered.
pub struct Function {
    pub name: Box<[u8]>,
    pub description: Option<Box<[u8]>>,
    pub flags: Flags,
    callback: Compiled,
    pub proof: Proof,
}

/// What a text has registered, in this order.
pub struct Library {
    pub code: Box<[u8]>,
    pub functions: Vec<Arc<Function>>,
}

impl Library {
    /// What it takes under this name, beside what Lua has of it.
    fn bytes(&self, name: &[u8]) -> usize {
        let function = |function: &Arc<Function>| {
            let description = function.description.as_ref().map_or(0, |text| text.len());
            let places = size_of::<(Folded, Arc<Function>)>() + size_of::<Arc<Function>>();
            size_of::<Function>() + function.name.len() + description + places
        };
        let functions: usize = self.functions.iter().map(function).sum();
        name.len() + size_of::<(Box<[u8]>, Self)>() + self.code.len() + functions
    }
}

/// What becomes of libraries that are there already when others are brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collision {
    /// They stay, all of them, and so nothing is brought.
    Refuse,
    /// Those of the same names go.
    Replace,
    /// All of them go.
    Flush,
}

/// What EVAL or FCALL calls.
#[derive(Clone)]
pub enum Callee {
    Script(Arc<Script>),
    Function(Arc<Function>),
}

impl Callee {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Script(_) => Kind::Script,
            Self::Function(_) => Kind::Function,
        }
    }

    pub fn flags(&self) -> Flags {
        match self {
            Self::Script(script) => script.flags,
            Self::Function(function) => function.flags,
        }
    }

    pub fn entry(&self) -> Compiled {
        match self {
            Self::Script(script) => script.compiled(),
            Self::Function(function) => function.callback,
        }
    }

    /// What errors call it.
    pub fn name(&self) -> &[u8] {
        match self {
            Self::Script(script) => &script.sha,
            Self::Function(function) => &function.name,
        }
    }

    /// How long its runs take.
    pub fn proof(&self) -> &Proof {
        match self {
            Self::Script(script) => &script.proof,
            Self::Function(function) => &function.proof,
        }
    }
}

/// Names of functions differ in more than case.
type Folded = SmallVec<[u8; 48]>;

fn fold(name: &[u8]) -> Folded {
    let mut folded = Folded::from_slice(name);
    folded.make_ascii_lowercase();
    folded
}

type ByName = BTreeMap<Box<[u8]>, Library>;

/// The libraries of a store, and the Lua state of their functions.
pub struct Libraries {
    seed: u64,
    machine: Option<Machine>,
    by_name: ByName,
    functions: HashMap<Folded, Arc<Function>, foldhash::fast::RandomState>,
    figures: Arc<Figures>,
}

impl Libraries {
    /// For a store with this seed.
    pub fn new(seed: u64, figures: Arc<Figures>) -> Self {
        let functions = HashMap::default();
        Self { seed, machine: None, by_name: ByName::new(), functions, figures }
    }

    /// The Lua state; made when it is first asked for.
    pub fn machine(&mut self) -> Result<&mut Machine> {
        if self.machine.is_none() {
            self.machine = Some(Machine::new(World::Functions, self.seed)?);
        }
        Ok(self.machine.as_mut().expect("it was just made"))
    }

    /// The function of this name, in any case.
    pub fn function(&self, name: &[u8]) -> Option<&Arc<Function>> {
        self.functions.get(&fold(name))
    }

    /// All libraries, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Library)> {
        self.by_name.iter().map(|(name, library)| (&**name, library))
    }

    /// Bytes that Lua holds.
    pub fn lua_bytes(&self) -> usize {
        self.machine.as_ref().map_or(0, Machine::used_bytes)
    }

    /// Loads a library; answers its name.
    pub fn load(
        &mut self,
        code: &[u8],
        collision: Collision,
        host: &mut dyn Host,
        watch: &Watch,
    ) -> Result<Box<[u8]>> {
        let header = read_header(code)?;
        if collision == Collision::Refuse && self.by_name.contains_key(&header.name) {
            return Err(exists_already(&header.name));
        }
        let library = self.run_text(code, header.text, host, watch)?;
        self.join(ByName::from([(header.name.clone(), library)]), collision)?;
        Ok(header.name)
    }

    /// Loads all of these libraries, or none.
    pub fn restore(
        &mut self,
        codes: impl Iterator<Item = Result<Vec<u8>>>,
        collision: Collision,
        host: &mut dyn Host,
        watch: &Watch,
    ) -> Result {
        let mut brought = ByName::new();
        for code in codes {
            let result = code.and_then(|code| self.bring(&code, &mut brought, host, watch));
            if let Err(error) = result {
                self.forget(brought);
                return Err(error);
            }
        }
        self.join(brought, collision)
    }

    /// Puts a library beside others that are not known yet.
    fn bring(
        &mut self,
        code: &[u8],
        brought: &mut ByName,
        host: &mut dyn Host,
        watch: &Watch,
    ) -> Result {
        let header = read_header(code)?;
        if brought.contains_key(&header.name) {
            return Err(exists_already(&header.name));
        }
        let library = self.run_text(code, header.text, host, watch)?;
        let taken: Vec<Folded> = names(brought).collect();
        let twice = library.functions.iter().find(|it| taken.contains(&fold(&it.name)));
        let refusal = twice.map(|function| function_exists(&function.name));
        brought.insert(header.name, library);
        refusal.map_or(Ok(()), Err)
    }

    fn run_text(
        &mut self,
        code: &[u8],
        text: &[u8],
        host: &mut dyn Host,
        watch: &Watch,
    ) -> Result<Library> {
        let machine = self.machine()?;
        watch.begin(Kind::Library, false, LOAD_LIMIT_MS);
        let loaded = machine.load(text, host, watch);
        watch.end();
        let functions = loaded.map_err(Error::text)?.into_iter().map(Function::from).map(Arc::new);
        Ok(Library { code: code.into(), functions: functions.collect() })
    }

    /// Makes libraries known, or none of them.
    fn join(&mut self, brought: ByName, collision: Collision) -> Result {
        if let Err(error) = self.may_join(&brought, collision) {
            self.forget(brought);
            return Err(error);
        }
        let gone = match collision {
            Collision::Flush => std::mem::take(&mut self.by_name),
            _ => brought.keys().filter_map(|name| self.by_name.remove_entry(name)).collect(),
        };
        self.unlink(&gone);
        self.forget(gone);
        for (name, library) in &brought {
            self.figures.added(library.functions.len(), library.bytes(name));
        }
        for function in brought.values().flat_map(|library| &library.functions) {
            self.functions.insert(fold(&function.name), Arc::clone(function));
        }
        self.by_name.extend(brought);
        Ok(())
    }

    fn may_join(&self, brought: &ByName, collision: Collision) -> Result {
        if collision == Collision::Flush {
            return Ok(());
        }
        if collision == Collision::Refuse
            && let Some(name) = brought.keys().find(|name| self.by_name.contains_key(*name))
        {
            let name = String::from_utf8_lossy(name);
            return Err(Error::text(format!("ERR Library {name} already exists")));
        }
        let replaced = brought.keys().filter_map(|name| self.by_name.get(name));
        let freed: Vec<*const Function> =
            replaced.flat_map(|library| &library.functions).map(Arc::as_ptr).collect();
        for function in brought.values().flat_map(|library| &library.functions) {
            if let Some(known) = self.function(&function.name)
                && !freed.contains(&Arc::as_ptr(known))
            {
                return Err(function_exists(&function.name));
            }
        }
        Ok(())
    }

    /// Forgets a library; `false` if there is none.
    pub fn delete(&mut self, name: &[u8]) -> bool {
        let Some(gone) = self.by_name.remove_entry(name) else { return false };
        let gone = ByName::from([gone]);
        self.unlink(&gone);
        self.forget(gone);
        true
    }

    /// Takes the functions of libraries that are not known any more out of sight.
    fn unlink(&mut self, gone: &ByName) {
        for name in names(gone) {
            self.functions.remove(&name);
        }
        for (name, library) in gone {
            self.figures.removed(library.functions.len(), library.bytes(name));
        }
    }

    /// Forgets all libraries, and what Lua kept for them.
    pub fn flush(&mut self) {
        self.figures.flushed();
        *self = Self::new(self.seed, Arc::clone(&self.figures));
    }

    /// Loads all libraries into a new Lua state.
    pub(super) fn load_again(&mut self, host: &mut dyn Host, watch: &Watch) {
        let codes: Vec<_> = self.by_name.values().map(|it| Ok(it.code.to_vec())).collect();
        self.flush();
        // They were loaded before, by the same rules.
        let _ = self.restore(codes.into_iter(), Collision::Flush, host, watch);
    }

    /// Lets go of what Lua has of libraries that nobody knows.
    fn forget(&mut self, gone: ByName) {
        let Some(machine) = &mut self.machine else { return };
        for function in gone.into_values().flat_map(|library| library.functions) {
            machine.forget(function.callback);
        }
    }
}

impl From<Registered> for Function {
    fn from(registered: Registered) -> Self {
        let Registered { name, description, flags, callback } = registered;
        Self { name, description, flags, callback, proof: Proof::default() }
    }
}

fn names(libraries: &ByName) -> impl Iterator<Item = Folded> {
    libraries.values().flat_map(|library| &library.functions).map(|function| fold(&function.name))
}

fn exists_already(name: &[u8]) -> Error {
    Error::text(format!("ERR Library '{}' already exists", String::from_utf8_lossy(name)))
}

fn function_exists(name: &[u8]) -> Error {
    Error::text(format!("ERR Function {} already exists", String::from_utf8_lossy(name)))
}

/// What the first line says.
struct Header<'a> {
    name: Box<[u8]>,
    /// The rest. It keeps the end of that line, so that lines count on.
    text: &'a [u8],
}

/// Reads `#!lua name=...`.
fn read_header(code: &[u8]) -> Result<Header<'_>> {
    const INVALID: Error = Error::Plain("ERR Invalid library metadata");
    if !code.starts_with(b"#!") {
        return Err(Error::Plain("ERR Missing library metadata"));
    }
    let end = memchr::memchr2(b'\n', 0, code).filter(|end| code[*end] == b'\n').ok_or(INVALID)?;
    let words = quoting::words(&code[..end]).map_err(|_| INVALID)?;
    let (engine, words) = words.split_first().ok_or(INVALID)?;
    let mut name: Option<&[u8]> = None;
    for word in words {
        match word.split_at_checked(b"name=".len()) {
            Some((key, value)) if key.eq_ignore_ascii_case(b"name=") => {
                if name.replace(value).is_some() {
                    return Err(Error::Plain(
                        "ERR Invalid metadata value, name argument was given multiple times",
                    ));
                }
            }
            _ => {
                let word = String::from_utf8_lossy(word);
                return Err(Error::text(format!("ERR Invalid metadata value given: {word}")));
            }
        }
    }
    let name = name.ok_or(Error::Plain("ERR Library name was not given"))?;
    if !is_name(name) {
        return Err(Error::Plain(INVALID_NAME));
    }
    let engine = &engine[b"#!".len()..];
    if !engine.eq_ignore_ascii_case(b"lua") {
        let engine = String::from_utf8_lossy(engine);
        return Err(Error::text(format!("ERR Engine '{engine}' not found")));
    }
    Ok(Header { name: name.into(), text: &code[end..] })
}
