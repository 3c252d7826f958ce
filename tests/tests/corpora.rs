//! Every input the fuzzers found worth keeping, through the property that found it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use longwire_tests::properties::TARGETS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The names in a folder, without extensions.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| {
            let path = entry.expect("a readable folder").path();
            path.file_stem().expect("a name").to_string_lossy().into_owned()
        })
        .collect()
}

#[test]
fn every_fuzz_target_is_a_property_with_a_corpus() {
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| String::from(*name)).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), known);
    assert_eq!(names(&fuzz().join("corpus")), known);
}

#[test]
fn every_corpus_passes() {
    for (name, property) in TARGETS {
        let folder = fuzz().join("corpus").join(name);
        let mut inputs: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("a readable folder").path())
            .collect();
        inputs.sort();
        assert!(!inputs.is_empty(), "{} is empty", folder.display());
        for input in inputs {
            let bytes = fs::read(&input).expect("a readable file");
            // Shown only if it fails: which one it was.
            println!("{}", input.display());
            property(&bytes);
        }
    }
}
