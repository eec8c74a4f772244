//! The colours of the graph, each for light and for dark pages.

use plotters::style::RGBColor;

/// A colour on a light page, and what takes its place on a dark one.
pub(crate) struct Ink {
    pub(crate) light: RGBColor,
    dark: &'static str,
}

pub(crate) const PAPER: Ink = Ink { light: RGBColor(0xFF, 0xFF, 0xFF), dark: "#0D1117" };
pub(crate) const TEXT: Ink = Ink { light: RGBColor(0x1F, 0x23, 0x28), dark: "#F0F6FC" };
pub(crate) const QUIET: Ink = Ink { light: RGBColor(0x59, 0x63, 0x6E), dark: "#9198A1" };
pub(crate) const GRID: Ink = Ink { light: RGBColor(0xE2, 0xE6, 0xEA), dark: "#262C36" };
pub(crate) const BAND: Ink = Ink { light: RGBColor(0xF1, 0xF3, 0xF5), dark: "#161B22" };
pub(crate) const USUAL: Ink = Ink { light: RGBColor(0xCF, 0x22, 0x2E), dark: "#FF7B72" };
pub(crate) const OURS: Ink = Ink { light: RGBColor(0x09, 0x69, 0xDA), dark: "#58A6FF" };
const INKS: [Ink; 7] = [PAPER, TEXT, QUIET, GRID, BAND, USUAL, OURS];

/// Rules that a browser on a dark page puts in place of the light colours.
pub(crate) fn with_dark_colours(svg: &str) -> String {
    let rules = INKS.map(|Ink { light: RGBColor(red, green, blue), dark }| {
        let light = format!("#{red:02X}{green:02X}{blue:02X}");
        format!("[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}")
    });
    let rules = rules.concat();
    let style = format!("<style>@media (prefers-color-scheme:dark){{{rules}}}</style>\n");
    // Behind the opening tag, which is the first to end with this.
    svg.split_once("\">\n").map_or_else(|| svg.to_owned(), |(tag, rest)| format!("{tag}\">\n{style}{rest}"))
}
