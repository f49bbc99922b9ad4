use crate::Color;

/// How a line is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Stroke {
    /// Its colour.
    pub color: Color,
    /// Its width.
    pub width: f64,
    /// Lengths that are drawn and left out in turns; empty for a solid line.
    pub dash: Vec<f64>,
}

impl Stroke {
    /// A solid line.
    pub const fn new(color: Color, width: f64) -> Self {
        Self { color, width, dash: Vec::new() }
    }

    /// In dashes of this length, with gaps.
    #[must_use]
    pub fn dashed(mut self, length: f64, gap: f64) -> Self {
        self.dash = vec![length, gap];
        self
    }
}

/// How an area is filled and outlined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Style {
    /// The colour inside.
    pub fill: Option<Color>,
    /// The outline.
    pub stroke: Option<Stroke>,
    /// The radius of a rectangle's corners.
    pub radius: f64,
}

impl Style {
    /// Filled, without an outline.
    pub fn filled(color: Color) -> Self {
        Self { fill: Some(color), ..Self::default() }
    }

    /// An outline alone.
    pub fn outlined(stroke: Stroke) -> Self {
        Self { stroke: Some(stroke), ..Self::default() }
    }

    /// With an outline.
    #[must_use]
    pub fn stroke(mut self, stroke: Stroke) -> Self {
        self.stroke = Some(stroke);
        self
    }

    /// With round corners.
    #[must_use]
    pub fn radius(mut self, radius: f64) -> Self {
        self.radius = radius;
        self
    }
}

/// Which part of a text is at its point, along the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// Its beginning.
    #[default]
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

/// Which part of a text is at its point, across the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Baseline {
    /// The line that letters stand on.
    #[default]
    Letters,
    /// Half the height of capital letters.
    Middle,
    /// The top of capital letters.
    Top,
}

/// How a text is set.
#[derive(Clone, Debug, PartialEq)]
pub struct TextStyle {
    /// The size of the font.
    pub size: f64,
    /// Its colour.
    pub color: Color,
    /// Which part is at the point, along the line.
    pub align: Align,
    /// Which part is at the point, across the line.
    pub baseline: Baseline,
    /// Whether it is bold.
    pub bold: bool,
    /// Whether it runs upwards, as the label of a vertical axis.
    pub vertical: bool,
}

impl TextStyle {
    /// Black, regular, beginning at its point.
    pub fn new(size: f64) -> Self {
        let (align, baseline) = (Align::Start, Baseline::Letters);
        Self { size, color: Color::BLACK, align, baseline, bold: false, vertical: false }
    }

    /// In this colour.
    #[must_use]
    pub fn color(mut self, color: Color) -> Self {
        self.color = color;
        self
    }

    /// With this part at its point, along the line.
    #[must_use]
    pub fn align(mut self, align: Align) -> Self {
        self.align = align;
        self
    }

    /// With this part at its point, across the line.
    #[must_use]
    pub fn baseline(mut self, baseline: Baseline) -> Self {
        self.baseline = baseline;
        self
    }

    /// With its middle at its point, both ways.
    #[must_use]
    pub fn centered(self) -> Self {
        self.align(Align::Middle).baseline(Baseline::Middle)
    }

    /// Bold.
    #[must_use]
    pub fn bold(mut self) -> Self {
        self.bold = true;
        self
    }

    /// Running upwards.
    #[must_use]
    pub fn vertical(mut self) -> Self {
        self.vertical = true;
        self
    }
}
