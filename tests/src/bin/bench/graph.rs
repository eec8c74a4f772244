//! The outage as a picture: an SVG that is readable on light and on dark pages.

use std::ops::Range;

use anyhow::anyhow;
use consumer::backpressure::LONGEST;
use plotters::{
    chart::ChartContext,
    coord::{Shift, types::RangedCoordf64},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::{
    ink::{BAND, GRID, Ink, OURS, PAPER, QUIET, TEXT, USUAL, with_dark_colours},
    outage::{PER_TICK, Plan},
    setup::Kind,
    track::{Sample, Track},
};

/// Pixels.
const SIZE: (u32, u32) = (960, 640);
const MARGIN: u32 = 24;
/// Room for the names of the lines at their right ends.
const NAMES: u32 = 176;
/// Room for the numbers of the vertical axis.
const NUMBERS: u32 = 48;
const HEADING: i32 = 56;
/// What the vertical axis is longer than its highest line.
const HEADROOM: f64 = 1.12;
/// People on the vertical axis at least, so that a picture of nobody is not one of halves.
const LEAST_HEIGHT: f64 = 10.0;
/// Least distance between two names.
const NAME_DISTANCE: i32 = 20;

/// Half the width and all the height of the words [`NO_DATABASE`].
const OUTAGE_NAME: (i32, i32) = (52, 22);
const NO_DATABASE: &str = "no database";

/// The line that stands above both: its name is written along it, because it ends where the best of them does.
const SIGNED_UP: &str = "signed up";

const FONT: &str = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";

/// One line of a panel.
struct Line {
    name: String,
    ink: Ink,
    width: u32,
    points: Vec<(f64, f64)>,
}

/// One coordinate system.
struct Panel {
    title: &'static str,
    lines: Vec<Line>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

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

fn picture(svg: &mut String, tracks: &[Track], plan: &Plan) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&PAPER.light)?;
    let minutes = plan.outage().as_secs() / 60;
    text(&root, &format!("{minutes} min without a database"), (22, &TEXT, FontStyle::Bold), HPos::Left, at(0, 22))?;
    let subtitle = format!(
        "{PER_TICK} people sign up every second; usual: no back-off, {} receives; rollcall: back-off up to {} s, {} receives",
        Kind::Usual.receives(),
        LONGEST.as_secs(),
        Kind::Ours.receives()
    );
    text(&root, &subtitle, (15, &QUIET, FontStyle::Normal), HPos::Left, at(0, 46))?;
    let (_, body) = root.split_vertically(HEADING);
    let panels = [dead_letters(tracks, plan), rows(tracks, plan)];
    for (area, panel) in body.split_evenly((2, 1)).iter().zip(&panels) {
        draw_panel(area, panel, plan)?;
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
            name: format!("{}: {last}", track.kind.name()),
            ink: ink(track.kind),
            width: 3,
            points: points.collect(),
        }
    });
    Panel { title: "Sign-ups among the dead letters", lines: lines.collect() }
}

fn rows(tracks: &[Track], plan: &Plan) -> Panel {
    let signed_up = tracks.iter().take(1).map(|track| {
        let points = track.samples.iter().map(|sample| (minute(sample, plan), number(sample.signed_up)));
        Line { name: SIGNED_UP.to_owned(), ink: QUIET, width: 1, points: points.collect() }
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
        Line { name: format!("{}: {known} of {people}", track.kind.name()), ink: ink(track.kind), width: 3, points }
    });
    Panel { title: "People with a row", lines: signed_up.chain(with_row).collect() }
}

fn draw_panel(area: &Area<'_>, panel: &Panel, plan: &Plan) -> Result<(), Box<dyn std::error::Error>> {
    let points = || panel.lines.iter().flat_map(|line| line.points.iter());
    let (first, last) = points().fold((0.0_f64, 0.0_f64), |(first, last), (x, _)| (first.min(*x), last.max(*x)));
    let highest = points().map(|(_, y)| *y).fold(LEAST_HEIGHT, f64::max);
    let top = highest * HEADROOM;
    let mut chart = ChartBuilder::on(area)
        .margin_left(MARGIN)
        .margin_top(38)
        .margin_bottom(8)
        .margin_right(NAMES)
        .x_label_area_size(30)
        .y_label_area_size(NUMBERS)
        .build_cartesian_2d(first..last, 0.0..top)?;
    text(area, panel.title, (16, &TEXT, FontStyle::Bold), HPos::Left, at(0, 18))?;
    let outage = 0.0..plan.outage().as_secs_f64() / 60.0;
    let middle = f64::midpoint(outage.start, outage.end);
    shade(&mut chart, outage, top)?;
    let small = || (FONT, 15).into_font().color(&QUIET.light);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.light)
        .axis_style(GRID.light)
        .y_labels(5)
        .x_labels(14)
        .label_style(small())
        .x_label_formatter(&|minute| minute_label(*minute))
        .y_label_formatter(&|count| format!("{count:.0}"))
        .draw()?;
    name_outage(area, &chart, (middle, top))?;
    for line in &panel.lines {
        chart.draw_series(LineSeries::new(line.points.iter().copied(), line.ink.light.stroke_width(line.width)))?;
    }
    name_lines(area, &chart, &panel.lines)
}

/// Whole minutes are named; what lies between them is not.
fn minute_label(minute: f64) -> String {
    let whole = minute.round();
    if (minute - whole).abs() < 1e-6 { format!("{} min", whole + 0.0) } else { String::new() }
}

/// The time without a database.
fn shade(chart: &mut Chart<'_, '_>, outage: Range<f64>, top: f64) -> Result<(), Box<dyn std::error::Error>> {
    let corners = [(outage.start, 0.0), (outage.end, top)];
    chart.draw_series([Rectangle::new(corners, BAND.light.filled())])?;
    Ok(())
}

/// Says what the shade means, on a ground of its own that keeps the grid out of the words.
fn name_outage(area: &Area<'_>, chart: &Chart<'_, '_>, place: (f64, f64)) -> Result<(), Box<dyn std::error::Error>> {
    let ((left, top), (half, height)) = (area.get_base_pixel(), OUTAGE_NAME);
    let (x, y) = chart.plotting_area().map_coordinate(&place);
    let (x, y) = (x - left, y - top + 4);
    area.draw(&Rectangle::new([(x - half, y), (x + half, y + height)], BAND.light.filled()))?;
    text(area, NO_DATABASE, (15, &QUIET, FontStyle::Normal), HPos::Center, (x, y + height / 2))
}

/// Each line's name where it ends, the names kept apart.
fn name_lines(area: &Area<'_>, chart: &Chart<'_, '_>, lines: &[Line]) -> Result<(), Box<dyn std::error::Error>> {
    let (left, top) = area.get_base_pixel();
    let (along, at_end): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.name == SIGNED_UP);
    for line in along {
        let Some(point) = line.points.get(line.points.len() / 2) else { continue };
        let (x, y) = chart.plotting_area().map_coordinate(point);
        text(area, &line.name, (15, &line.ink, FontStyle::Normal), HPos::Right, (x - left - 8, y - top - 12))?;
    }
    let ends = at_end.into_iter().filter_map(|line| Some((line, line.points.last()?)));
    let mut names: Vec<_> = ends
        .map(|(line, end)| {
            let (x, y) = chart.plotting_area().map_coordinate(end);
            (line, x - left + 10, y - top)
        })
        .collect();
    names.sort_by_key(|(_, _, y)| -y);
    let mut lowest = i32::MAX;
    for (line, x, y) in names {
        let y = y.min(lowest.saturating_sub(NAME_DISTANCE));
        lowest = y;
        text(area, &line.name, (16, &line.ink, FontStyle::Bold), HPos::Left, (x, y))?;
    }
    Ok(())
}

/// A point from the left margin.
fn at(x: i32, y: i32) -> (i32, i32) {
    (x + MARGIN.cast_signed(), y)
}

fn text(
    area: &Area<'_>,
    words: &str,
    (size, ink, style): (i32, &Ink, FontStyle),
    anchor: HPos,
    place: (i32, i32),
) -> Result<(), Box<dyn std::error::Error>> {
    let font = FontDesc::new(FontFamily::Name(FONT), f64::from(size), style);
    area.draw_text(words, &font.color(&ink.light).pos(Pos::new(anchor, VPos::Center)), place)?;
    Ok(())
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
