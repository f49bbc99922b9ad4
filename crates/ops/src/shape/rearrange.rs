//! Axes split, moved and merged by a pattern.

use crate::core::prelude::*;

/// One side of a pattern: for each axis of the tensor, the names of the axes it consists of.
type Side = Vec<Vec<String>>;

/// Reads one side. `dots` is how many axes an ellipsis stands for.
fn parse(side: &str, dots: usize) -> Result<Side> {
    let spaced = side.replace('(', " ( ").replace(')', " ) ").replace("...", " ... ");
    let (mut axes, mut group): (Side, Option<Vec<String>>) = (Vec::new(), None);
    for word in spaced.split_whitespace() {
        let names: Vec<String> = match word {
            "(" if group.is_none() => {
                group = Some(Vec::new());
                continue;
            }
            ")" => match group.take() {
                Some(names) => {
                    axes.push(names);
                    continue;
                }
                None => fail!(InvalidArgument, "rearrange: a parenthesis closes that was not opened in {side:?}"),
            },
            "1" => Vec::new(),
            "..." => (0..dots).map(|i| format!("...{i}")).collect(),
            name if name.chars().all(|c| c.is_alphanumeric() || c == '_') => vec![name.to_string()],
            _ => fail!(InvalidArgument, "rearrange: expected names, parentheses and dots, found {word:?} in {side:?}"),
        };
        match &mut group {
            Some(group) => group.extend(names),
            None if word == "..." => axes.extend(names.into_iter().map(|n| vec![n])),
            None => axes.push(names),
        }
    }
    match group {
        None => Ok(axes),
        Some(_) => Err(err!(InvalidArgument, "rearrange: a parenthesis is not closed in {side:?}")),
    }
}

/// How many axes an ellipsis on this side stands for, in a tensor of `rank` axes.
fn dots(side: &str, rank: usize) -> Result<usize> {
    if !side.contains("...") {
        return Ok(0);
    }
    let others = parse(side, 0)?.len();
    rank.checked_sub(others)
        .ok_or_else(|| err!(RankMismatch, "rearrange: {side:?} names {others} axes of a tensor with {rank}"))
}

/// The sizes of all named axes, from the tensor's and from those given.
fn sizes(left: &Side, shape: &Shape, lengths: &[(&str, usize)]) -> Result<Vec<(String, usize)>> {
    let mut known: Vec<(String, usize)> = Vec::new();
    for (names, &n) in left.iter().zip(shape.iter()) {
        let given = |name: &String| lengths.iter().find(|(l, _)| l == name).map(|l| l.1);
        let open: Vec<&String> = names.iter().filter(|name| given(name).is_none()).collect();
        let product = names.iter().filter_map(given).try_fold(1_usize, usize::checked_mul).unwrap_or(usize::MAX);
        let rest = match open[..] {
            [] if product == n => 1,
            [_] if product > 0 && n % product == 0 => n / product,
            [] | [_] => fail!(DimMismatch, "rearrange: an axis of {n} does not divide into {names:?} of {lengths:?}"),
            _ => {
                return Err(err!(InvalidArgument, "rearrange: the sizes of {names:?} are not known")
                    .help("give the size of all but one of them"));
            }
        };
        known.extend(names.iter().map(|name| (name.clone(), given(name).unwrap_or(rest))));
    }
    Ok(known)
}

impl Tensor {
    /// Axes split, moved and merged by a pattern: names on the left say what the tensor's axes are, those on the right
    /// what the result's shall be; names in parentheses make one axis; `...` stands for all others, `1` for an axis of
    /// one. Where names share an axis on the left, `lengths` gives the sizes of all but one.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let images = Tensor::range(2 * 4 * 6).reshape([2, 4, 6]);
    /// let patches = images.rearrange("b (h p) (w q) -> (b h w) p q", &[("p", 2), ("q", 3)]);
    /// assert_eq!(patches.shape()?.as_slice(), [8, 2, 3]);
    /// assert_eq!(patches.index(1).to_vec::<i32>()?, [3, 4, 5, 9, 10, 11]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `invalid_argument` for a pattern that does not name the same axes once on both sides; `rank_mismatch`,
    /// `dim_mismatch` where it does not fit the tensor.
    #[track_caller]
    pub fn rearrange(&self, pattern: &str, lengths: &[(&str, usize)]) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            let Some((from, to)) = pattern.split_once("->") else {
                fail!(InvalidArgument, "rearrange: expected an arrow between two sides, found {pattern:?}");
            };
            let dots = dots(from, shape.rank())?;
            let (left, right) = (parse(from, dots)?, parse(to, dots)?);
            if left.len() != shape.rank() {
                fail!(RankMismatch, "rearrange: {from:?} names {} axes of {shape}", left.len());
            }
            let known = sizes(&left, &shape, lengths)?;
            let names: Vec<&String> = right.iter().flatten().collect();
            let mut sorted = [names.clone(), known.iter().map(|k| &k.0).collect()];
            sorted.iter_mut().for_each(|s| s.sort_unstable());
            if sorted[0] != sorted[1] || sorted[0].windows(2).any(|w| w[0] == w[1]) {
                fail!(InvalidArgument, "rearrange: expected each name once on both sides, found {pattern:?}");
            }
            let place = |name: &String| known.iter().position(|k| k.0 == *name).unwrap_or(0);
            let split: Shape = known.iter().map(|k| k.1).collect();
            let order: Vec<isize> = names.iter().map(|n| place(n) as isize).collect();
            let merged: Shape = right.iter().map(|g| g.iter().map(|n| known[place(n)].1).product()).collect();
            let whole = self.reshape(split);
            Ok(if order.is_empty() { whole } else { whole.transpose(&order) }.reshape(merged))
        })
    }
}
