//! One coordinate system of the graph: lines over minutes, with the outage shaded.

use std::ops::Range;

use plotters::{
    chart::ChartContext,
    coord::{Shift, types::RangedCoordf64},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::ink::{BAND, GRID, Ink, QUIET, TEXT};

/// Pixels from the picture's left edge.
pub(crate) const MARGIN: i32 = 24;
/// Pixels for a panel's title.
const TITLE: u32 = 38;
/// Pixels for the names of the lines at their right ends.
const NAMES: u32 = 176;
/// Pixels for the numbers of each axis.
const NUMBERS: (u32, u32) = (48, 30);
/// What the vertical axis is longer than its highest line.
const HEADROOM: f64 = 1.12;
/// People on the vertical axis at least, so that a picture of nobody is not one of halves.
const LEAST_HEIGHT: f64 = 10.0;
/// Least distance between two names, in pixels.
const NAME_DISTANCE: i32 = 20;
/// Half the width and all the height of the words [`NO_DATABASE`], in pixels.
const NO_DATABASE_SIZE: (i32, i32) = (52, 22);
const NO_DATABASE: &str = "no database";

const FONT: &str = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";

/// Where a line's name stands.
pub(crate) enum Name {
    /// Behind its last point.
    AtEnd(String),
    /// Above its middle, for a line that ends where another one does.
    Along(&'static str),
}

/// One line of a panel.
pub(crate) struct Line {
    pub(crate) name: Name,
    pub(crate) ink: Ink,
    /// Pixels.
    pub(crate) width: u32,
    /// Minutes since the database went away, and people.
    pub(crate) points: Vec<(f64, f64)>,
}

/// One coordinate system.
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) lines: Vec<Line>,
}

pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
pub(crate) type Drawn = Result<(), Box<dyn std::error::Error>>;

impl Panel {
    /// Draws it; the outage is in minutes.
    pub(crate) fn draw(&self, area: &Area<'_>, outage: Range<f64>) -> Drawn {
        let points = || self.lines.iter().flat_map(|line| line.points.iter());
        let (first, last) = points().fold((0.0_f64, 0.0_f64), |(first, last), (x, _)| (first.min(*x), last.max(*x)));
        let top = points().map(|(_, y)| *y).fold(LEAST_HEIGHT, f64::max) * HEADROOM;
        text(area, self.title, (16, &TEXT, FontStyle::Bold), HPos::Left, (MARGIN, 18))?;
        let mut chart = ChartBuilder::on(area)
            .margin_left(MARGIN)
            .margin_top(TITLE)
            .margin_bottom(8)
            .margin_right(NAMES)
            .y_label_area_size(NUMBERS.0)
            .x_label_area_size(NUMBERS.1)
            .build_cartesian_2d(first..last, 0.0..top)?;
        chart.draw_series([Rectangle::new([(outage.start, 0.0), (outage.end, top)], BAND.light.filled())])?;
        axes(&mut chart)?;
        name_outage(area, &chart, (f64::midpoint(outage.start, outage.end), top))?;
        for line in &self.lines {
            chart.draw_series(LineSeries::new(line.points.iter().copied(), line.ink.light.stroke_width(line.width)))?;
        }
        name_lines(area, &chart, &self.lines)
    }
}

fn axes(chart: &mut Chart<'_, '_>) -> Drawn {
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.light)
        .axis_style(GRID.light)
        .y_labels(5)
        .x_labels(14)
        .label_style((FONT, 15).into_font().color(&QUIET.light))
        .x_label_formatter(&|minute| minute_label(*minute))
        .y_label_formatter(&|count| format!("{count:.0}"))
        .draw()?;
    Ok(())
}

/// Whole minutes are named; what lies between them is not.
fn minute_label(minute: f64) -> String {
    let whole = minute.round();
    if (minute - whole).abs() < 1e-6 { format!("{} min", whole + 0.0) } else { String::new() }
}

/// Says what the shade means, on a ground of its own that keeps the grid out of the words.
fn name_outage(area: &Area<'_>, chart: &Chart<'_, '_>, place: (f64, f64)) -> Drawn {
    let (half, height) = NO_DATABASE_SIZE;
    let (x, y) = pixel(area, chart, place);
    area.draw(&Rectangle::new([(x - half, y + 4), (x + half, y + 4 + height)], BAND.light.filled()))?;
    text(area, NO_DATABASE, (15, &QUIET, FontStyle::Normal), HPos::Center, (x, y + 4 + height / 2))
}

/// Names every line; names at the end are kept apart.
fn name_lines(area: &Area<'_>, chart: &Chart<'_, '_>, lines: &[Line]) -> Drawn {
    let mut ends = Vec::new();
    for line in lines {
        match (&line.name, line.points.get(line.points.len() / 2), line.points.last()) {
            (Name::Along(name), Some(middle), _) => {
                let (x, y) = pixel(area, chart, *middle);
                text(area, name, (15, &line.ink, FontStyle::Normal), HPos::Right, (x - 8, y - 12))?;
            }
            (Name::AtEnd(name), _, Some(end)) => ends.push((name, &line.ink, pixel(area, chart, *end))),
            _ => {}
        }
    }
    ends.sort_by_key(|(_, _, (_, y))| -y);
    let mut lowest = i32::MAX;
    for (name, ink, (x, y)) in ends {
        let y = y.min(lowest.saturating_sub(NAME_DISTANCE));
        lowest = y;
        text(area, name, (16, ink, FontStyle::Bold), HPos::Left, (x + 10, y))?;
    }
    Ok(())
}

/// Where in its area a point of the chart is.
fn pixel(area: &Area<'_>, chart: &Chart<'_, '_>, point: (f64, f64)) -> (i32, i32) {
    let ((left, top), (x, y)) = (area.get_base_pixel(), chart.plotting_area().map_coordinate(&point));
    (x - left, y - top)
}

/// Writes words beside `place`, centred on its height.
pub(crate) fn text(
    area: &Area<'_>,
    words: &str,
    (size, ink, style): (i32, &Ink, FontStyle),
    anchor: HPos,
    place: (i32, i32),
) -> Drawn {
    let font = FontDesc::new(FontFamily::Name(FONT), f64::from(size), style);
    area.draw_text(words, &font.color(&ink.light).pos(Pos::new(anchor, VPos::Center)), place)?;
    Ok(())
}
