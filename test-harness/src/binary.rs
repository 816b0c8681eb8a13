//! By what arguments `cargo test` runs this binary and no other, for who wants to see a failure again.
//!
//! Invariant: what cannot be told is left out; the command then runs more than it must, never another
//! test.

use std::path::Path;
use std::sync::LazyLock;

/// What is known of the running binary.
struct Binary {
    /// The package, as cargo names it to who runs under it.
    package: Option<String>,
    /// The name of the target as rustc has it: `my_test` of `my-test`.
    target: String,
    /// Whether it is an example.
    example: bool,
    /// Whether the package has a library, and one program that is named as it is.
    library: bool,
    program: bool,
}

static OWN: LazyLock<Option<Binary>> = LazyLock::new(|| {
    let path = std::env::current_exe().ok()?;
    let package = std::env::var("CARGO_PKG_NAME").ok();
    let folder = std::env::var_os("CARGO_MANIFEST_DIR");
    let has = |file| folder.as_ref().is_some_and(|folder| Path::new(folder).join(file).is_file());
    Some(Binary {
        package: package.filter(|name| !name.is_empty()),
        target: target(path.file_stem()?.to_str()?).to_owned(),
        example: path.parent()?.ends_with("examples"),
        library: has("src/lib.rs"),
        program: has("src/main.rs"),
    })
});

/// The arguments that choose this binary, by the file of one of its tests.
pub(crate) fn arguments(file: &str) -> String {
    OWN.as_ref().map_or(String::new(), |own| own.arguments(file))
}

/// A file's name without the hash that cargo puts behind it.
fn target(stem: &str) -> &str {
    match stem.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|it| it.is_ascii_hexdigit()) => {
            name
        }
        _ => stem,
    }
}

impl Binary {
    fn arguments(&self, file: &str) -> String {
        let package = self.package.as_ref().map(|name| format!("-p {name}"));
        let parts = [package, self.choice(file)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn choice(&self, file: &str) -> Option<String> {
        if self.example {
            return Some(format!("--example {}", self.named(file, "examples")?));
        }
        if let Some(name) = self.named(file, "tests") {
            return Some(format!("--test {name}"));
        }
        if let Some(name) = self.named(file, "bin") {
            return Some(format!("--bin {name}"));
        }
        let package = self.package.as_deref()?;
        let in_sources = file.split(['/', '\\']).any(|part| part == "src");
        if !in_sources || package.replace('-', "_") != self.target {
            return None;
        }
        // Of a library and a program with the same name, only the root files tell which it is.
        let is = |root: &str| file.ends_with(root);
        match (self.library, self.program) {
            (true, false) => Some("--lib".to_owned()),
            (true, true) if is("src/lib.rs") => Some("--lib".to_owned()),
            (false, true) => Some(format!("--bin {package}")),
            (true, true) if is("src/main.rs") => Some(format!("--bin {package}")),
            _ => None,
        }
    }

    /// The target's name as cargo has it, from its file in a folder of such targets.
    fn named<'f>(&self, file: &'f str, folder: &str) -> Option<&'f str> {
        let parts: Vec<&str> = file.split(['/', '\\']).collect();
        let pairs = parts.windows(2).filter(|pair| pair[0] == folder);
        let names = pairs.map(|pair| pair[1].strip_suffix(".rs").unwrap_or(pair[1]));
        names.into_iter().find(|name| name.replace('-', "_") == self.target.replace('-', "_"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Binary, target};

    fn told(stem: &str, (library, program): (bool, bool), file: &str) -> String {
        let example = file.contains("examples/");
        let (package, target) = (Some("my-app".to_owned()), target(stem).to_owned());
        Binary { package, target, example, library, program }.arguments(file)
    }

    #[test]
    fn a_target_is_told_where_it_can_be() {
        let (both, library, program) = ((true, true), (true, false), (false, true));
        let hash = "0123456789abcdef";
        let cases = [
            ("pool", both, "tests/pool.rs", "-p my-app --test pool"),
            ("the_pool", both, "crates/my-app/tests/the-pool.rs", "-p my-app --test the-pool"),
            ("it", both, "tests/it/net/http.rs", "-p my-app --test it"),
            // A target with another name than its file: that is not known.
            ("net", both, "tests/it/net/http.rs", "-p my-app"),
            ("other", both, "tests/pool.rs", "-p my-app"),
            ("my_app", library, "src/pool.rs", "-p my-app --lib"),
            ("my_app", program, "src/pool.rs", "-p my-app --bin my-app"),
            ("my_app", both, "src/pool.rs", "-p my-app"),
            ("my_app", both, "src/lib.rs", "-p my-app --lib"),
            ("my_app", both, "src/main.rs", "-p my-app --bin my-app"),
            ("tool", both, "src/bin/tool.rs", "-p my-app --bin tool"),
            ("tool", both, "src/main.rs", "-p my-app"),
            ("demo", both, "examples/demo.rs", "-p my-app --example demo"),
        ];
        for (name, has, file, expected) in cases {
            for stem in [name.to_owned(), format!("{name}-{hash}")] {
                assert_eq!(told(&stem, has, file), expected, "{stem} {file}");
            }
        }
        let unknown = Binary {
            package: None,
            target: "it".into(),
            example: false,
            library: true,
            program: true,
        };
        assert_eq!(unknown.arguments("tests/it/a.rs"), "--test it");
        assert_eq!(unknown.arguments("src/lib.rs"), "");
    }
}
