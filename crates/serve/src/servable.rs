//! A version that serves.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use cornet_program::{Program, Signature};
use cornet_tensor::{Array, DType};

use crate::batching::{Scheduler, Task, key_of};
use crate::config::BatchingParameters;
use crate::{Cancel, Reply, Status, StatusCode};

/// A model in memory.
pub struct Servable {
    name: String,
    version: i64,
    program: Box<dyn Program>,
    batching: Option<Batching>,
}

struct Batching {
    parameters: BatchingParameters,
    scheduler: Arc<Scheduler>,
    queue: u64,
}

impl Servable {
    pub(crate) fn new(
        name: &str,
        version: i64,
        program: Box<dyn Program>,
        batching: Option<(BatchingParameters, Arc<Scheduler>)>,
    ) -> Self {
        let batching = batching.map(|(parameters, scheduler)| {
            let queue = scheduler.add(&parameters);
            Batching { parameters, scheduler, queue }
        });
        Self { name: name.to_owned(), version, program, batching }
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which version this is.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Its functions.
    pub fn signatures(&self) -> &[Signature] {
        self.program.signatures()
    }

    /// The index of a function, by name; of the main one without.
    pub fn signature(&self, name: Option<&str>) -> Option<usize> {
        let found = self.program.signature(name.filter(|n| !n.is_empty())).ok()?;
        self.signatures().iter().position(|s| s.name == found.name)
    }

    /// How requests are run together, if they are.
    pub fn batching(&self) -> Option<&BatchingParameters> {
        self.batching.as_ref().map(|b| &b.parameters)
    }

    /// The bytes its weights take.
    pub fn weight_bytes(&self) -> u64 {
        self.program.weight_bytes()
    }

    /// Runs a function at once, on this thread.
    pub(crate) fn run_at(&self, signature: usize, inputs: &[Array]) -> Result<Vec<Array>, Status> {
        let signature = self.checked(signature, inputs)?;
        let outputs = self.program.run(signature, inputs)?;
        if outputs.len() != signature.outputs.len() {
            return Err(Status::new(StatusCode::Internal, "Predict internal error"));
        }
        Ok(outputs)
    }

    fn checked(&self, signature: usize, inputs: &[Array]) -> Result<&Signature, Status> {
        let signature = self.signatures().get(signature);
        let signature = signature.ok_or_else(|| Status::new(StatusCode::Internal, "no such signature"))?;
        signature.check(inputs)?;
        Ok(signature)
    }

    /// Runs every function on zeros once, for each size of batch that will come, so that the first requests find it
    /// compiled. What zeros cannot tell (open sizes past the batch axis) or a function refuses is left.
    pub(crate) fn warm(&self) {
        let one = vec![1];
        let sizes = self
            .batching()
            .map_or(&one, |b| if b.allowed_batch_sizes.is_empty() { &one } else { &b.allowed_batch_sizes });
        for (i, signature) in self.signatures().iter().enumerate() {
            for &rows in sizes {
                let zeros: Option<Vec<Array>> =
                    signature.inputs.iter().map(|s| zeros(s.dtype, s.shape.as_deref()?, rows)).collect();
                if let Some(zeros) = zeros {
                    let _refused = self.run_at(i, &zeros);
                }
            }
        }
    }
}

impl Drop for Servable {
    fn drop(&mut self) {
        if let Some(batching) = &self.batching {
            batching.scheduler.remove(batching.queue);
        }
    }
}

/// Zeros of a shape whose first axis may be open.
fn zeros(dtype: DType, shape: &[Option<usize>], rows: usize) -> Option<Array> {
    let known = |(axis, size): (usize, &Option<usize>)| if axis == 0 { Some(size.unwrap_or(rows)) } else { *size };
    let shape: Vec<usize> = shape.iter().enumerate().map(known).collect::<Option<_>>()?;
    Array::try_zeros(dtype, shape).ok()
}

/// A version that stays in memory for as long as this lives.
#[derive(Clone)]
pub struct Handle(pub(crate) Arc<Servable>);

/// A function and its arrays, in the order of its inputs.
#[derive(Clone, Debug)]
pub struct Request {
    /// The index of the function.
    pub signature: usize,
    /// The arrays.
    pub inputs: Vec<Array>,
    /// When the outputs are of no use any more.
    pub deadline: Option<Instant>,
}

impl Deref for Handle {
    type Target = Servable;

    fn deref(&self) -> &Servable {
        &self.0
    }
}

impl Handle {
    /// Runs a request on this thread, by itself.
    ///
    /// # Errors
    /// Inputs that do not fit; what the model refuses; `DEADLINE_EXCEEDED` if it comes too late.
    pub fn run(&self, request: &Request) -> Result<Vec<Array>, Status> {
        if request.deadline.is_some_and(|d| d <= Instant::now()) {
            return Err(Status::new(StatusCode::DeadlineExceeded, "the deadline passed before the request ran"));
        }
        self.run_at(request.signature, &request.inputs)
    }

    /// Enters a request to be run with others; its outputs go to `reply`. A request that cannot be joined with others
    /// runs at once, on this thread.
    ///
    /// # Errors
    /// Inputs that do not fit; `RESOURCE_EXHAUSTED` when the queue is full; `INVALID_ARGUMENT` for more rows than a
    /// batch takes.
    pub fn submit(&self, request: Request, reply: Reply) -> Result<Cancel, Status> {
        let signature = self.checked(request.signature, &request.inputs)?;
        let cancel = Cancel::default();
        let Some(batching) = &self.batching else {
            reply(self.run(&request));
            return Ok(cancel);
        };
        let parameters = &batching.parameters;
        let Some((key, rows)) = key_of(signature, &request.inputs, parameters.pad_variable_length_inputs) else {
            reply(self.run(&request));
            return Ok(cancel);
        };
        if rows > parameters.max_batch_size && !parameters.enable_large_batch_splitting {
            let most = parameters.max_batch_size;
            return Err(Status::invalid(format!("Task size {rows} is larger than maximum input batch size {most}")));
        }
        let Request { signature, inputs, deadline } = request;
        let task = Task {
            handle: self.clone(),
            signature,
            inputs,
            rows,
            reply,
            cancel: cancel.clone(),
            deadline,
            since: Instant::now(),
        };
        batching.scheduler.submit(batching.queue, key, task)?;
        Ok(cancel)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use cornet_error::{Code, Error, Result};
    use cornet_program::TensorSpec;

    use super::*;

    /// A program that doubles rows of two numbers and remembers the sizes of its batches.
    pub struct Doubler {
        signatures: Vec<Signature>,
        pub sizes: Arc<Mutex<Vec<usize>>>,
        pause: Duration,
    }

    impl Doubler {
        pub fn new(sizes: Arc<Mutex<Vec<usize>>>, pause: Duration) -> Self {
            let spec = |name: &str| TensorSpec::new(name, DType::F32, Some(vec![None, Some(2)]));
            let (inputs, outputs) = (vec![spec("x")], vec![spec("y")]);
            let signature = Signature { name: "serving_default".into(), inputs, outputs, ..Signature::default() };
            Self { signatures: vec![signature], sizes, pause }
        }
    }

    impl Program for Doubler {
        fn signatures(&self) -> &[Signature] {
            &self.signatures
        }

        fn run(&self, _: &Signature, inputs: &[Array]) -> Result<Vec<Array>> {
            std::thread::sleep(self.pause);
            self.sizes.lock().unwrap().push(inputs[0].shape()[0]);
            let values = inputs[0].as_slice::<f32>()?;
            if values.contains(&-1.0) {
                return Err(Error::new(Code::InvalidArgument, "minus one"));
            }
            let doubled: Vec<f32> = values.iter().map(|v| v * 2.0).collect();
            Ok(vec![Array::from_vec(doubled, inputs[0].shape())?])
        }

        fn weight_bytes(&self) -> u64 {
            100
        }
    }

    /// Loads files named `*.model`; fails as often as it is told.
    #[derive(Default)]
    pub struct Fake {
        pub failures: AtomicUsize,
        pub loads: AtomicUsize,
    }

    impl crate::Loader for Fake {
        fn accepts(&self, file: &Path) -> bool {
            file.extension().is_some_and(|e| e == "model")
        }

        fn estimate(&self, _: &Path) -> Result<u64> {
            Ok(100)
        }

        fn load(&self, path: &Path) -> Result<Box<dyn Program>> {
            self.loads.fetch_add(1, Ordering::SeqCst);
            if self.failures.load(Ordering::SeqCst) > 0 {
                self.failures.fetch_sub(1, Ordering::SeqCst);
                return Err(Error::new(Code::Corrupt, format!("{} is broken", path.display())));
            }
            Ok(Box::new(Doubler::new(Arc::default(), Duration::ZERO)))
        }
    }

    fn served(parameters: BatchingParameters, pause_ms: u64) -> (Handle, Arc<Mutex<Vec<usize>>>) {
        let sizes: Arc<Mutex<Vec<usize>>> = Arc::default();
        let scheduler = Arc::new(Scheduler::new(1, Arc::new(|_| {})).unwrap());
        let program = Doubler::new(sizes.clone(), Duration::from_millis(pause_ms));
        let servable = Servable::new("m", 1, Box::new(program), Some((parameters, scheduler)));
        (Handle(Arc::new(servable)), sizes)
    }

    type Outcome = std::result::Result<Vec<Array>, Status>;

    fn ask(
        handle: &Handle,
        values: &[f32],
        replies: &mpsc::Sender<(f32, Outcome)>,
    ) -> std::result::Result<Cancel, Status> {
        let inputs = vec![Array::from_slice(values, [values.len() / 2, 2]).unwrap()];
        let (replies, first) = (replies.clone(), values[0]);
        let reply = Box::new(move |outcome| drop(replies.send((first, outcome))));
        handle.submit(Request { signature: 0, inputs, deadline: None }, reply)
    }

    #[test]
    fn requests_of_several_callers_run_as_one_and_get_their_own_rows() {
        let parameters = BatchingParameters {
            max_batch_size: 4,
            batch_timeout_micros: 5_000_000,
            allowed_batch_sizes: vec![2, 4],
            ..BatchingParameters::default()
        };
        let (handle, sizes) = served(parameters, 0);
        let (send, receive) = mpsc::channel();
        ask(&handle, &[1.0, 2.0], &send).unwrap();
        ask(&handle, &[3.0, 4.0, 5.0, 6.0], &send).unwrap();
        ask(&handle, &[7.0, 8.0], &send).unwrap();
        for _ in 0..3 {
            let (first, outcome) = receive.recv_timeout(Duration::from_secs(5)).unwrap();
            assert_eq!(outcome.unwrap()[0].as_slice::<f32>().unwrap()[0], first * 2.0);
        }
        assert_eq!(*sizes.lock().unwrap(), [4]);
    }

    #[test]
    fn one_wrong_request_does_not_spoil_the_others() {
        let parameters =
            BatchingParameters { max_batch_size: 2, batch_timeout_micros: 5_000_000, ..BatchingParameters::default() };
        let (handle, _) = served(parameters, 0);
        let (send, receive) = mpsc::channel();
        ask(&handle, &[-1.0, 2.0], &send).unwrap();
        ask(&handle, &[3.0, 4.0], &send).unwrap();
        let mut outcomes: Vec<_> = (0..2).map(|_| receive.recv_timeout(Duration::from_secs(5)).unwrap()).collect();
        outcomes.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!(outcomes[0].1.as_ref().unwrap_err().code, StatusCode::InvalidArgument);
        assert!(outcomes[1].1.is_ok());
    }

    #[test]
    fn a_full_queue_refuses_at_once_and_the_cancelled_do_not_run() {
        let parameters =
            BatchingParameters { max_batch_size: 1, max_enqueued_batches: 2, ..BatchingParameters::default() };
        let (handle, sizes) = served(parameters, 300);
        let (send, receive) = mpsc::channel();
        ask(&handle, &[1.0, 1.0], &send).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let waiting = ask(&handle, &[2.0, 1.0], &send).unwrap();
        ask(&handle, &[3.0, 1.0], &send).unwrap();
        assert_eq!(ask(&handle, &[4.0, 1.0], &send).unwrap_err().code, StatusCode::ResourceExhausted);
        waiting.cancel();
        ask(&handle, &[5.0, 1.0], &send).unwrap();
        let done: Vec<f32> = (0..3).map(|_| receive.recv_timeout(Duration::from_secs(5)).unwrap().0).collect();
        assert_eq!(done, [1.0, 3.0, 5.0]);
        assert_eq!(sizes.lock().unwrap().len(), 3);
    }

    #[test]
    fn large_requests_are_split_or_refused() {
        let mut parameters = BatchingParameters { max_batch_size: 2, ..BatchingParameters::default() };
        let six: Vec<f32> = (1..=10).map(|v| v as f32).collect();
        let (send, receive) = mpsc::channel();
        let (handle, _) = served(parameters.clone(), 0);
        let refused = ask(&handle, &six, &send).unwrap_err();
        assert_eq!(refused.message, "Task size 5 is larger than maximum input batch size 2");
        parameters.enable_large_batch_splitting = true;
        let (handle, sizes) = served(parameters, 0);
        ask(&handle, &six, &send).unwrap();
        let outputs = receive.recv_timeout(Duration::from_secs(5)).unwrap().1.unwrap();
        assert_eq!(outputs[0].as_slice::<f32>().unwrap(), six.iter().map(|v| v * 2.0).collect::<Vec<_>>());
        assert_eq!(*sizes.lock().unwrap(), [2, 2, 1]);
    }

    #[test]
    fn a_request_past_its_deadline_is_told_so() {
        let (handle, sizes) = served(BatchingParameters::default(), 0);
        let inputs = vec![Array::zeros(DType::F32, [1, 2])];
        let request = Request { signature: 0, inputs, deadline: Some(Instant::now()) };
        assert_eq!(handle.run(&request).unwrap_err().code, StatusCode::DeadlineExceeded);
        let (send, receive) = mpsc::channel();
        handle.submit(request, Box::new(move |o| drop(send.send(o)))).unwrap();
        let outcome = receive.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(outcome.unwrap_err().code, StatusCode::DeadlineExceeded);
        assert!(sizes.lock().unwrap().is_empty());
    }
}
