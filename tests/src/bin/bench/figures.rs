//! The figures of an outage, and whether they keep promise P7.

use std::{
    io::{self, Write},
    time::Duration,
};

use comfy_table::{LineStyle, Table, TableStyle};
use consumer::backpressure::SHORT_CAP;

use crate::{
    Verdict,
    outage::Plan,
    setup::{Kind, VISIBILITY},
};

/// What may come on top of the cap of the back-off until the last row is there: one invocation that began just before the database was back.
const WORK: Duration = Duration::from_secs(30);

/// What one deployment has come to.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) kind: Kind,
    /// Who signed up.
    pub(crate) people: usize,
    pub(crate) with_exactly_one_row: usize,
    /// At any moment.
    pub(crate) most_healthy_dead: usize,
    pub(crate) healthy_dead_at_the_end: usize,
    /// Poison messages that were sent.
    pub(crate) poison: usize,
    /// Those of them that are among the dead letters at least once.
    pub(crate) poison_dead: usize,
    /// From the database's return to the last row of those who had signed up before it.
    pub(crate) last_row_after: Duration,
    /// Messages that consumers were handed, repetitions included.
    pub(crate) deliveries: u64,
    pub(crate) longest_invocation: Duration,
}

impl Figures {
    /// What is promised and did not hold, in words.
    fn complaints(&self) -> Vec<String> {
        let without = self.people.abs_diff(self.with_exactly_one_row);
        let last_row = self.last_row_after.as_secs_f64();
        let promises = [
            (self.people > 0, "nobody signed up".to_owned()),
            (self.most_healthy_dead == 0, format!("{} healthy messages were dead letters", self.most_healthy_dead)),
            (without == 0, format!("{without} people do not have exactly one row")),
            (
                self.poison_dead == self.poison,
                format!("of {} poison messages {} are dead letters", self.poison, self.poison_dead),
            ),
            (self.last_row_after <= SHORT_CAP + WORK, format!("the last row came {last_row:.0} s after the database")),
        ];
        promises.into_iter().filter(|(kept, _)| !kept).map(|(_, otherwise)| otherwise).collect()
    }
}

/// Prints the figures and what follows from them: rollcall's own deployment must keep its promise, and the usual one is there to compare.
pub(crate) fn show(figures: &[Figures], plan: &Plan) -> anyhow::Result<Verdict> {
    let mut stdout = io::stdout().lock();
    writeln!(
        stdout,
        "\n{} min without a database, visibility time-out {VISIBILITY} s in both\n\n{}",
        plan.outage().as_secs() / 60,
        table(figures)
    )?;
    let ours = figures.iter().filter(|figures| figures.kind == Kind::Ours);
    let complaints: Vec<String> = ours.flat_map(Figures::complaints).collect();
    if complaints.is_empty() {
        writeln!(stdout, "\n✓ rollcall lost nobody")?;
        return Ok(Verdict::Kept);
    }
    for complaint in complaints {
        writeln!(stdout, "\n✗ rollcall: {complaint}")?;
    }
    Ok(Verdict::Broken)
}

fn table(figures: &[Figures]) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─')));
    table.set_header([String::new()].into_iter().chain(figures.iter().map(|figures| figures.kind.name().to_owned())));
    let mut row = |what: &str, value: &dyn Fn(&Figures) -> String| {
        table.add_row([what.to_owned()].into_iter().chain(figures.iter().map(value)));
    };
    row("back-off of the visibility", &|it| match it.kind {
        Kind::Usual => "none".to_owned(),
        Kind::Ours => format!("full jitter up to {} s", SHORT_CAP.as_secs()),
    });
    row("receives before SQS gives up", &|it| it.kind.receives().to_string());
    row("people who signed up", &|it| it.people.to_string());
    row("with exactly one row in the end", &|it| it.with_exactly_one_row.to_string());
    row("healthy dead letters, at most", &|it| it.most_healthy_dead.to_string());
    row("healthy dead letters in the end", &|it| it.healthy_dead_at_the_end.to_string());
    row("poison sent / among the dead letters", &|it| format!("{} / {}", it.poison, it.poison_dead));
    row("last row after the database's return", &|it| format!("{:.1} s", it.last_row_after.as_secs_f64()));
    row("messages handed to consumers", &|it| it.deliveries.to_string());
    row("longest invocation", &|it| format!("{:.1} s", it.longest_invocation.as_secs_f64()));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Figures {
        Figures {
            kind: Kind::Ours,
            people: 10,
            with_exactly_one_row: 10,
            most_healthy_dead: 0,
            healthy_dead_at_the_end: 0,
            poison: 2,
            poison_dead: 2,
            last_row_after: SHORT_CAP,
            deliveries: 40,
            longest_invocation: Duration::from_secs(26),
        }
    }

    #[test]
    fn each_broken_part_of_the_promise_is_a_complaint() {
        assert!(good().complaints().is_empty());
        let broken: [fn(&mut Figures); 5] = [
            |it| it.people = 0,
            |it| it.with_exactly_one_row = 9,
            |it| it.most_healthy_dead = 1,
            |it| it.poison_dead = 1,
            |it| it.last_row_after = SHORT_CAP + WORK + Duration::from_secs(1),
        ];
        for break_it in broken {
            let mut figures = good();
            break_it(&mut figures);
            assert!(!figures.complaints().is_empty(), "{figures:?}");
        }
    }
}
