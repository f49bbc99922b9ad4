//! The canvas as SVG.

use std::fmt::Write;

use crate::canvas::{Canvas, Item, Point};
use crate::font::{CAPITALS, FAMILY};
use crate::style::{Align, Baseline, Stroke, Style, TextStyle};

/// Two decimals at most.
fn n(x: f64) -> String {
    let text = format!("{:.2}", if x.is_finite() { x } else { 0.0 });
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML knows no other control characters.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn points(points: &[Point]) -> String {
    points.iter().map(|p| format!("{},{}", n(p.0), n(p.1))).collect::<Vec<_>>().join(" ")
}

fn opacity(name: &str, opacity: u8) -> String {
    if opacity == 255 { String::new() } else { format!(" {name}=\"{}\"", n(f64::from(opacity) / 255.0)) }
}

fn stroke(stroke: &Stroke) -> String {
    let color = stroke.color;
    let mut out = format!(
        " stroke=\"{}\" stroke-width=\"{}\"{}",
        color.hex(),
        n(stroke.width),
        opacity("stroke-opacity", color.opacity)
    );
    if !stroke.dash.is_empty() {
        let dash: Vec<String> = stroke.dash.iter().map(|&d| n(d)).collect();
        let _ = write!(out, " stroke-dasharray=\"{}\"", dash.join(" "));
    }
    out
}

fn style(style: &Style) -> String {
    let fill = match style.fill {
        Some(color) => format!(" fill=\"{}\"{}", color.hex(), opacity("fill-opacity", color.opacity)),
        None => " fill=\"none\"".into(),
    };
    fill + &style.stroke.as_ref().map(stroke).unwrap_or_default()
}

fn text(at: Point, content: &str, style: &TextStyle) -> String {
    let down = match style.baseline {
        Baseline::Letters => 0.0,
        Baseline::Middle => CAPITALS / 2.0 * style.size,
        Baseline::Top => CAPITALS * style.size,
    };
    let anchor = match style.align {
        Align::Start => "",
        Align::Middle => " text-anchor=\"middle\"",
        Align::End => " text-anchor=\"end\"",
    };
    let place = match style.vertical {
        false => format!("x=\"{}\" y=\"{}\"", n(at.0), n(at.1 + down)),
        true => format!("transform=\"translate({} {}) rotate(-90)\"", n(at.0 + down), n(at.1)),
    };
    let weight = if style.bold { " font-weight=\"bold\"" } else { "" };
    let fill = format!("{}{}", style.color.hex(), "\"") + &opacity("fill-opacity", style.color.opacity);
    let (size, content) = (n(style.size), escaped(content));
    format!("<text {place} font-size=\"{size}\"{anchor}{weight} fill=\"{fill} xml:space=\"preserve\">{content}</text>")
}

/// The whole file.
pub(crate) fn write(canvas: &Canvas) -> String {
    let (width, height) = (n(canvas.width), n(canvas.height));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} \
         {height}\" font-family=\"{FAMILY}\">\n<rect width=\"100%\" height=\"100%\" fill=\"{}\"{}/>\n",
        canvas.background.hex(),
        opacity("fill-opacity", canvas.background.opacity)
    );
    for item in &canvas.items {
        let line = match item {
            Item::Line { points: line, stroke: look } => {
                format!(
                    "<polyline points=\"{}\" fill=\"none\" stroke-linejoin=\"round\"{}/>",
                    points(line),
                    stroke(look)
                )
            }
            Item::Polygon { points: line, style: look } => {
                format!("<polygon points=\"{}\"{}/>", points(line), style(look))
            }
            Item::Rectangle { corner, size, style: look } => {
                let radius = if look.radius > 0.0 { format!(" rx=\"{}\"", n(look.radius)) } else { String::new() };
                let (x, y, w, h) = (n(corner.0), n(corner.1), n(size.0), n(size.1));
                format!("<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"{radius}{}/>", style(look))
            }
            Item::Circle { center, radius, style: look } => {
                format!("<circle cx=\"{}\" cy=\"{}\" r=\"{}\"{}/>", n(center.0), n(center.1), n(*radius), style(look))
            }
            Item::Text { at, text: content, style } => text(*at, content, style),
        };
        out.push_str(&line);
        out.push('\n');
    }
    out.push_str("</svg>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_element() {
        let mut canvas = Canvas::new(10.0, 10.0);
        canvas.text(1.0, 2.5, "a<b>&\"\u{7}", &TextStyle::new(3.0));
        assert!(canvas.to_svg().contains("a&lt;b&gt;&amp;&quot; </text>"));
    }

    #[test]
    fn numbers_have_two_decimals_at_most() {
        assert_eq!([n(1.0), n(0.126), n(-0.001), n(f64::NAN)], ["1", "0.13", "0", "0"]);
    }
}
