//! Rules about the code itself, held by a test.
//!
//! Imports point down: a module names only modules on floors below its own, and what it names of
//! other modules begins with `crate::`, so that this test can see it. Files stay short enough to
//! be read, begin by saying what they are, and keep within the margin.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Lowest floor first. Siblings on one floor do not know each other.
const FLOORS: &[&[&str]] = &[
    &["clock", "error", "memory", "quoting", "shortest"],
    &["bytes"],
    &["long_double", "reply"],
    &["resp", "types"],
    &["store"],
    &["hub", "persist", "script"],
    &["command"],
    &["engine"],
    &["server"],
    &["node"],
];

const LINES_MAX: usize = 520;
const COLUMNS_MAX: usize = 100;

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the crate's sources are there") {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The top-level module that a file belongs to.
fn module(inside: &Path) -> String {
    let first = inside.components().next().expect("a source file has a name");
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

fn look(inside: &Path, text: &str, faults: &mut String) {
    let own = module(inside);
    let shown = inside.display();
    let here = floor(&own);
    if !text.starts_with("//!") {
        let _ = writeln!(faults, "{shown}: begins without saying what it is");
    }
    if text.lines().count() > LINES_MAX {
        let _ = writeln!(faults, "{shown}: longer than {LINES_MAX} lines");
    }
    for (at, line) in text.lines().enumerate() {
        if line.chars().count() > COLUMNS_MAX {
            let _ = writeln!(faults, "{shown}:{}: beyond column {COLUMNS_MAX}", at + 1);
        }
        if line.contains(&"super::".repeat(3)) {
            let _ = writeln!(faults, "{shown}:{}: a path that climbs; begin at crate::", at + 1);
        }
        let Some(here) = here else { continue };
        for tail in line.split("crate::").skip(1) {
            let name: String =
                tail.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if name != own && floor(&name).is_some_and(|there| here <= there) {
                let _ = writeln!(faults, "{shown}:{}: `{own}` may not use `{name}`", at + 1);
            }
        }
    }
}

#[test]
fn imports_point_down_and_files_are_short() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut faults = String::new();
    for file in &files {
        let inside = file.strip_prefix(&root).expect("it was found below");
        let own = module(inside);
        let known = floor(&own).is_some() || ["lib", "tidy", "golden"].contains(&own.as_str());
        assert!(known, "{} stands on no floor: add its module to FLOORS", inside.display());
        look(inside, &fs::read_to_string(file).expect("sources are text"), &mut faults);
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn an_import_that_points_up_is_found() {
    let mut faults = String::new();
    look(Path::new("store/db.rs"), "//! A header.\nuse crate::engine::Engine;\n", &mut faults);
    assert_eq!(faults, "store/db.rs:2: `store` may not use `engine`\n");
}
