//! The outage as a picture: an SVG that is readable on light and on dark pages.

use anyhow::anyhow;
use consumer::backpressure::SHORT_CAP;
use plotters::{prelude::*, style::text_anchor::HPos};

use crate::{
    ink::{Ink, OURS, PAPER, QUIET, TEXT, USUAL, with_dark_colours},
    outage::{PER_TICK, Plan},
    panel::{Drawn, Line, MARGIN, Name, Panel, text},
    setup::Kind,
    track::{Sample, Track},
};

/// Pixels.
const SIZE: (u32, u32) = (960, 640);
/// Pixels for the words above both panels.
const HEADING: i32 = 56;
/// Pixels of a deployment's line.
const WIDTH: u32 = 3;

/// Draws both deployments: whom each has among the dead letters, and who has a row.
///
/// # Errors
///
/// None in practice: it draws into memory.
pub(crate) fn draw(tracks: &[Track], plan: &Plan) -> anyhow::Result<String> {
    let mut svg = String::new();
    picture(&mut svg, tracks, plan).map_err(|error| anyhow!("drawing the graph: {error}"))?;
    Ok(with_dark_colours(&svg))
}

fn picture(svg: &mut String, tracks: &[Track], plan: &Plan) -> Drawn {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&PAPER.light)?;
    let minutes = plan.outage().as_secs() / 60;
    text(&root, &format!("{minutes} min without a database"), (22, &TEXT, FontStyle::Bold), HPos::Left, (MARGIN, 22))?;
    let subtitle = format!(
        "{PER_TICK} people sign up every second; usual: no back-off, {} receives; rollcall: back-off up to {} s, {} receives",
        Kind::Usual.receives(),
        SHORT_CAP.as_secs(),
        Kind::Ours.receives()
    );
    text(&root, &subtitle, (15, &QUIET, FontStyle::Normal), HPos::Left, (MARGIN, 46))?;
    let (_, body) = root.split_vertically(HEADING);
    let panels = [dead_letters(tracks, plan), rows(tracks, plan)];
    for (area, panel) in body.split_evenly((2, 1)).iter().zip(&panels) {
        panel.draw(area, 0.0..plan.outage().as_secs_f64() / 60.0)?;
    }
    root.present()?;
    Ok(())
}

/// Minutes since the database went away.
fn minute(sample: &Sample, plan: &Plan) -> f64 {
    (sample.at.as_secs_f64() - plan.down.as_secs_f64()) / 60.0
}

#[expect(clippy::cast_precision_loss, reason = "there are thousands of people")]
fn number(count: usize) -> f64 {
    count as f64
}

fn ink(kind: Kind) -> Ink {
    match kind {
        Kind::Usual => USUAL,
        Kind::Ours => OURS,
    }
}

fn dead_letters(tracks: &[Track], plan: &Plan) -> Panel {
    let lines = tracks.iter().map(|track| {
        let points = track.samples.iter().map(|sample| (minute(sample, plan), number(sample.dead.healthy)));
        let last = track.samples.last().map_or(0, |sample| sample.dead.healthy);
        Line {
            name: Name::AtEnd(format!("{}: {last}", track.kind.name())),
            ink: ink(track.kind),
            width: WIDTH,
            points: points.collect(),
        }
    });
    Panel { title: "Sign-ups among the dead letters", lines: lines.collect() }
}

fn rows(tracks: &[Track], plan: &Plan) -> Panel {
    let signed_up = tracks.iter().take(1).map(|track| {
        let points = track.samples.iter().map(|sample| (minute(sample, plan), number(sample.signed_up)));
        Line { name: Name::Along("signed up"), ink: QUIET, width: 1, points: points.collect() }
    });
    let with_row = tracks.iter().map(|track| {
        // A database that is down keeps its rows.
        let mut known = 0;
        let points = track.samples.iter().map(|sample| {
            known = sample.rows.unwrap_or(known);
            (minute(sample, plan), number(known))
        });
        let points: Vec<_> = points.collect();
        let people = track.samples.last().map_or(0, |sample| sample.signed_up);
        Line {
            name: Name::AtEnd(format!("{}: {known} of {people}", track.kind.name())),
            ink: ink(track.kind),
            width: WIDTH,
            points,
        }
    });
    Panel { title: "People with a row", lines: signed_up.chain(with_row).collect() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pipeline_tests::queues::Depth;

    use super::*;
    use crate::track::Dead;

    fn track(kind: Kind, lost: usize) -> Track {
        let seconds = |seconds: usize| Duration::from_secs(u64::try_from(seconds).unwrap());
        let sample = |at: usize| Sample {
            at: seconds(at),
            signed_up: at,
            rows: (at != 100).then_some(at - at.min(lost)),
            queue: Depth::default(),
            dead: Dead { healthy: at.min(lost), poison: 1 },
        };
        Track { kind, samples: (0..300).step_by(10).map(sample).collect() }
    }

    #[test]
    fn the_picture_names_what_each_deployment_lost_and_has_a_dark_colour_for_every_light_one() {
        let plan = Plan { down: Duration::from_mins(1), up: Duration::from_mins(3), quiet: Duration::from_mins(4) };
        let svg = draw(&[track(Kind::Usual, 120), track(Kind::Ours, 0)], &plan).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        for words in ["usual: 120", "rollcall: 0", "usual: 170 of 290", "rollcall: 290 of 290"] {
            assert!(svg.contains(words), "{words}");
        }
        let (head, body) = svg.split_once("</style>").unwrap();
        for attribute in ["fill=\"#", "stroke=\"#"] {
            for colour in body.split(attribute).skip(1).filter_map(|rest| rest.get(..6)) {
                assert!(head.contains(&format!("#{colour}\"]")), "#{colour} has no dark colour");
            }
        }
    }
}
