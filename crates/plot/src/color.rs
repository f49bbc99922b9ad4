/// A colour with its opacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color {
    /// Red, green, blue.
    pub rgb: [u8; 3],
    /// 255 is opaque.
    pub opacity: u8,
}

/// Colours of series that stay apart for colour-blind readers: those of Okabe and Ito, the palest last.
const SERIES: [Color; 8] = [
    Color::rgb(0, 114, 178),
    Color::rgb(213, 94, 0),
    Color::rgb(0, 158, 115),
    Color::rgb(204, 121, 167),
    Color::rgb(86, 180, 233),
    Color::rgb(230, 159, 0),
    Color::rgb(90, 90, 90),
    Color::rgb(200, 190, 20),
];

impl Color {
    /// Black.
    pub const BLACK: Self = Self::rgb(0, 0, 0);
    /// White.
    pub const WHITE: Self = Self::rgb(255, 255, 255);
    /// The grey of axes and secondary text.
    pub const GRAY: Self = Self::rgb(96, 96, 96);
    /// The grey of grids.
    pub const PALE: Self = Self::rgb(225, 225, 225);

    /// An opaque colour.
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self { rgb: [red, green, blue], opacity: 255 }
    }

    /// The same with an opacity from 0 to 1.
    #[must_use]
    pub fn with_opacity(self, opacity: f64) -> Self {
        Self { opacity: (opacity.clamp(0.0, 1.0) * 255.0).round() as u8, ..self }
    }

    /// The colour of series `index`; they repeat after eight.
    pub const fn series(index: usize) -> Self {
        SERIES[index % SERIES.len()]
    }

    /// A colour between this one (`share` 0) and another (`share` 1).
    #[must_use]
    pub fn mix(self, other: Self, share: f64) -> Self {
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        let between = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
        let [r, g, b] = std::array::from_fn(|i| between(self.rgb[i], other.rgb[i]));
        Self { rgb: [r, g, b], opacity: between(self.opacity, other.opacity) }
    }

    /// White to dark blue for `value` from 0 to 1: the cells of a matrix.
    pub fn blues(value: f64) -> Self {
        const STOPS: [Color; 5] = [
            Color::rgb(247, 251, 255),
            Color::rgb(198, 219, 239),
            Color::rgb(107, 174, 214),
            Color::rgb(33, 113, 181),
            Color::rgb(8, 48, 107),
        ];
        let place = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64 };
        let below = (place as usize).min(STOPS.len() - 2);
        STOPS[below].mix(STOPS[below + 1], place - below as f64)
    }

    /// How bright it looks, from 0 to 1: text on it is black above 0.5 and white below.
    pub fn brightness(self) -> f64 {
        let [r, g, b] = self.rgb.map(f64::from);
        (0.299 * r + 0.587 * g + 0.114 * b) / 255.0
    }

    /// `#rrggbb`.
    pub fn hex(self) -> String {
        let [r, g, b] = self.rgb;
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}
