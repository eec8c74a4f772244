//! Which architecture the functions are built for, and what links them.

use std::{env, path::Path, process::Command};

use crate::step::{Failure, cargo, output_of};

/// glibc of the Lambda runtime `provided.al2023`.
pub(crate) const GLIBC: &str = "2.34";

/// An architecture that Lambda has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Architecture {
    Arm64,
    X86,
}

/// What turns object files into a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linker {
    /// zig, which brings a C library of the version that it is told.
    Zig,
    /// The one that rustc takes by itself on this machine.
    OfTheSystem,
    /// A cross compiler of the distribution.
    Cross,
}

/// What this machine has to build with.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Its own architecture, if Lambda has it and it runs Linux.
    own: Option<Architecture>,
    /// Those whose standard library rustc has.
    libraries: Vec<Architecture>,
    /// Those that a cross compiler is installed for.
    cross_compilers: Vec<Architecture>,
    zig: bool,
}

/// What is built, with what, and the sentence that says why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) architecture: Architecture,
    pub(crate) linker: Linker,
    pub(crate) why: String,
}

impl Architecture {
    /// The one that is cheaper on Lambda comes first.
    const ALL: [Self; 2] = [Self::Arm64, Self::X86];

    /// The word that Lambda and the CDK app have for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86 => "x86_64",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|architecture| architecture.name() == name)
    }

    /// Rust's word for Linux on it.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86 => "x86_64-unknown-linux-gnu",
        }
    }

    /// The cross compiler, as Debian names the program.
    pub(crate) fn cross_compiler(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-linux-gnu-gcc",
            Self::X86 => "x86_64-linux-gnu-gcc",
        }
    }

    fn cross_compiler_package(self) -> &'static str {
        match self {
            Self::Arm64 => "gcc-aarch64-linux-gnu",
            Self::X86 => "gcc-x86-64-linux-gnu",
        }
    }
}

impl Machine {
    /// Looks at what is installed.
    pub(crate) fn look() -> Result<Self, Failure> {
        let own = match (env::consts::OS, env::consts::ARCH) {
            ("linux", "aarch64") => Some(Architecture::Arm64),
            ("linux", "x86_64") => Some(Architecture::X86),
            _ => None,
        };
        let mut libraries = Vec::new();
        for architecture in Architecture::ALL {
            let mut rustc = Command::new("rustc");
            rustc.args(["--print", "target-libdir", "--target", architecture.target()]);
            if Path::new(&output_of(&mut rustc)?).is_dir() {
                libraries.push(architecture);
            }
        }
        let cross_compilers =
            Architecture::ALL.into_iter().filter(|&other| is_on_path(other.cross_compiler())).collect();
        Ok(Self { own, libraries, cross_compilers, zig: is_on_path("cargo-zigbuild") })
    }

    /// Its own architecture, whose programs it can run.
    pub(crate) fn own(&self) -> Option<Architecture> {
        self.own
    }

    fn linker_for(&self, architecture: Architecture) -> Option<Linker> {
        if self.zig {
            Some(Linker::Zig)
        } else if self.own == Some(architecture) {
            Some(Linker::OfTheSystem)
        } else {
            self.cross_compilers.contains(&architecture).then_some(Linker::Cross)
        }
    }

    /// The linker to take, or what to install first.
    fn prepared_for(&self, architecture: Architecture) -> Result<Linker, String> {
        let mut missing = Vec::new();
        if !self.libraries.contains(&architecture) {
            missing.push(format!("Rust's standard library for it (`rustup target add {}`)", architecture.target()));
        }
        let linker = self.linker_for(architecture);
        if linker.is_none() {
            missing.push(format!(
                "a linker for it (`pip install cargo-zigbuild`, or on Debian `apt-get install {}`)",
                architecture.cross_compiler_package()
            ));
        }
        match linker {
            Some(linker) if missing.is_empty() => Ok(linker),
            _ => Err(missing.join(" and ")),
        }
    }
}

/// The architecture that was asked for, or else arm64 where it can be built, because it is what costs least on Lambda.
pub(crate) fn choose(asked: Option<Architecture>, machine: &Machine) -> Result<Plan, String> {
    let plan = |architecture: Architecture, linker, why: &str| Plan {
        architecture,
        linker,
        why: format!("{}, {why}; {}", architecture.name(), linker_in_words(architecture, linker)),
    };
    if let Some(architecture) = asked {
        return match machine.prepared_for(architecture) {
            Ok(linker) => Ok(plan(architecture, linker, "as you asked")),
            Err(missing) => Err(format!("cannot build for {} here: install {missing}", architecture.name())),
        };
    }
    let missing = match machine.prepared_for(Architecture::Arm64) {
        Ok(linker) => return Ok(plan(Architecture::Arm64, linker, "which costs least on Lambda")),
        Err(missing) => missing,
    };
    match machine.prepared_for(Architecture::X86) {
        Ok(linker) => {
            let why = format!("because arm64, which costs least on Lambda, cannot be built here: install {missing}");
            Ok(plan(Architecture::X86, linker, &why))
        }
        Err(too) => Err(format!("cannot build for Lambda here: for arm64 install {missing}; for x86_64 install {too}")),
    }
}

fn linker_in_words(architecture: Architecture, linker: Linker) -> String {
    match linker {
        Linker::Zig => format!("linked with cargo-zigbuild against glibc {GLIBC}"),
        Linker::OfTheSystem => "linked against this system's glibc".to_owned(),
        Linker::Cross => format!("linked with {}", architecture.cross_compiler()),
    }
}

/// The cargo command that builds for the plan's architecture.
pub(crate) fn cargo_build(plan: &Plan) -> Command {
    let mut command = cargo();
    let target = plan.architecture.target();
    match plan.linker {
        Linker::Zig => command.args(["zigbuild", "--target", &format!("{target}.{GLIBC}")]),
        Linker::OfTheSystem | Linker::Cross => command.args(["build", "--target", target]),
    };
    if plan.linker == Linker::Cross {
        let variable = format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_"));
        command.env(variable, plan.architecture.cross_compiler());
    }
    command
}

fn is_on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ordinary PC: nothing is installed for anything but itself.
    fn pc() -> Machine {
        Machine {
            own: Some(Architecture::X86),
            libraries: vec![Architecture::X86],
            cross_compilers: vec![],
            zig: false,
        }
    }

    fn chosen(asked: Option<Architecture>, machine: &Machine) -> Option<(Architecture, Linker)> {
        choose(asked, machine).ok().map(|plan| (plan.architecture, plan.linker))
    }

    #[test]
    fn arm64_is_the_default_wherever_it_can_be_built() {
        let arm = Machine { own: Some(Architecture::Arm64), libraries: vec![Architecture::Arm64], ..pc() };
        assert_eq!(chosen(None, &arm), Some((Architecture::Arm64, Linker::OfTheSystem)));

        let libraries = vec![Architecture::Arm64, Architecture::X86];
        let with_zig = Machine { libraries: libraries.clone(), zig: true, ..pc() };
        assert_eq!(chosen(None, &with_zig), Some((Architecture::Arm64, Linker::Zig)));

        let with_gcc = Machine { libraries, cross_compilers: vec![Architecture::Arm64], ..pc() };
        assert_eq!(chosen(None, &with_gcc), Some((Architecture::Arm64, Linker::Cross)));
    }

    #[test]
    fn x86_64_is_built_where_arm64_cannot_be_and_the_reason_says_what_to_install() {
        let Ok(plan) = choose(None, &pc()) else { unreachable!("a PC can build for itself") };
        assert_eq!((plan.architecture, plan.linker), (Architecture::X86, Linker::OfTheSystem));
        assert!(plan.why.contains("`rustup target add aarch64-unknown-linux-gnu`"), "{}", plan.why);
        assert!(plan.why.contains("`pip install cargo-zigbuild`"), "{}", plan.why);

        let half = Machine { zig: true, ..pc() };
        let Ok(plan) = choose(None, &half) else { unreachable!("a PC can build for itself") };
        assert_eq!((plan.architecture, plan.linker), (Architecture::X86, Linker::Zig));
        assert!(!plan.why.contains("pip install"), "zig is there: {}", plan.why);
    }

    #[test]
    fn what_was_asked_for_is_built_or_refused_and_never_replaced() {
        assert_eq!(chosen(Some(Architecture::X86), &pc()), Some((Architecture::X86, Linker::OfTheSystem)));
        let refusal = choose(Some(Architecture::Arm64), &pc());
        assert_eq!(
            refusal,
            Err("cannot build for arm64 here: install Rust's standard library for it \
                 (`rustup target add aarch64-unknown-linux-gnu`) and a linker for it \
                 (`pip install cargo-zigbuild`, or on Debian `apt-get install gcc-aarch64-linux-gnu`)"
                .to_owned())
        );
        let able = Machine { libraries: vec![Architecture::Arm64, Architecture::X86], zig: true, ..pc() };
        assert_eq!(chosen(Some(Architecture::X86), &able), Some((Architecture::X86, Linker::Zig)));
    }

    #[test]
    fn a_machine_that_is_neither_is_told_about_both() {
        let other = Machine { own: None, libraries: vec![], ..pc() };
        let refusal = choose(None, &other).err().unwrap_or_default();
        assert!(refusal.contains("for arm64 install") && refusal.contains("for x86_64 install"), "{refusal}");
    }

    #[test]
    fn cargo_is_told_target_and_linker() {
        let arguments = |plan: &Plan| -> Vec<String> {
            cargo_build(plan).get_args().map(|argument| argument.to_string_lossy().into_owned()).collect()
        };
        let plan = |linker| Plan { architecture: Architecture::Arm64, linker, why: String::new() };
        assert_eq!(arguments(&plan(Linker::Zig)), ["zigbuild", "--target", "aarch64-unknown-linux-gnu.2.34"]);
        assert_eq!(arguments(&plan(Linker::OfTheSystem)), ["build", "--target", "aarch64-unknown-linux-gnu"]);
        let cross = cargo_build(&plan(Linker::Cross));
        let linker = cross.get_envs().find(|(name, _)| *name == "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER");
        assert_eq!(linker.and_then(|(_, value)| value), Some("aarch64-linux-gnu-gcc".as_ref()));
    }
}
