//! Recurrent layers.

mod bidirectional;
mod cell;
mod conv_lstm;
mod gated;
mod gates;
mod recurrent;
mod run;
mod stacked;
#[cfg(test)]
mod tests;
mod time_distributed;

pub use bidirectional::{Bidirectional, MergeMode};
pub use cell::{Cell, IntoCell, Prepared};
pub use conv_lstm::{ConvLSTM1D, ConvLSTM2D, ConvLSTM3D};
pub use gated::{GRUCell, LSTMCell, SimpleRNNCell};
pub use recurrent::{GRU, LSTM, RNN, Recurrent, SimpleRNN, UseCudnn};
pub use stacked::StackedRNNCells;
pub use time_distributed::TimeDistributed;
