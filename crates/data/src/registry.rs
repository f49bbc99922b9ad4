//! The datasets that Cornet knows by name.

use cornet_error::{Error, Result, err};

/// A dataset: what it is, where it comes from, which files hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// The name, in snake_case; also the folder in the cache.
    pub name: &'static str,
    /// Other names, accepted for the dataset and for folders that hold it.
    pub aliases: &'static [&'static str],
    /// One sentence.
    pub description: &'static str,
    /// Its authors and how to cite it.
    pub attribution: &'static str,
    /// Its licence.
    pub licence: &'static str,
    /// The page that describes it.
    pub source: &'static str,
    /// Axes of one example, such as `[28, 28]`.
    pub example: &'static [usize],
    /// The largest value a pixel takes; the smallest is 0.
    pub max_value: u8,
    /// Examples to train on and to test with.
    pub examples: [usize; 2],
    /// Names of the classes, in the order of their labels.
    pub classes: &'static [&'static str],
    /// Addresses of folders that hold the files, the canonical one first. Empty for an embedded dataset.
    pub addresses: &'static [&'static str],
    /// The files: training images, training labels, test images, test labels. Empty for an embedded dataset.
    pub files: &'static [DataFile],
}

/// A gzip-compressed IDX file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// The file name, with `.gz`.
    pub name: &'static str,
    /// Bytes of the canonical compressed file. Another compressor's size differs; only the content counts.
    pub compressed_bytes: u64,
    /// SHA-256 of the canonical compressed file, in hex.
    pub compressed_sha256: &'static str,
    /// Bytes of the content.
    pub bytes: u64,
    /// SHA-256 of the content, in hex.
    pub sha256: &'static str,
}

impl Dataset {
    /// True when the dataset is part of the program and needs no files.
    pub fn is_embedded(&self) -> bool {
        self.files.is_empty()
    }

    /// Bytes to download.
    pub fn download_bytes(&self) -> u64 {
        self.files.iter().map(|f| f.compressed_bytes).sum()
    }

    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

/// Every dataset that Cornet knows.
pub fn list() -> &'static [Dataset] {
    &DATASETS
}

/// The dataset of that name.
///
/// # Errors
/// `not_found`, with the names there are.
pub fn info(name: &str) -> Result<&'static Dataset> {
    DATASETS.iter().find(|d| d.is_called(name)).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Error {
    let names: Vec<&str> = DATASETS.iter().map(|d| d.name).collect();
    err!(NotFound, "dataset '{name}': expected one of {}", names.join(", ")).help("`cornet datasets list` shows them")
}

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

static DATASETS: [Dataset; 3] = [
    Dataset {
        name: "digits",
        aliases: &["optdigits"],
        description: "1,797 handwritten digits of 8x8 pixels, part of the program",
        attribution: "E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits. UCI Machine Learning \
                      Repository, 1998. https://doi.org/10.24432/C50P49",
        licence: "CC BY 4.0",
        source: "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
        example: &[8, 8],
        max_value: 16,
        examples: [1437, 360],
        classes: &DIGITS,
        addresses: &[],
        files: &[],
    },
    Dataset {
        name: "mnist",
        aliases: &["MNIST"],
        description: "70,000 handwritten digits of 28x28 pixels",
        attribution: "Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST database of handwritten digits",
        licence: "CC BY-SA 3.0",
        source: "http://yann.lecun.com/exdb/mnist/",
        example: &[28, 28],
        max_value: 255,
        examples: [60_000, 10_000],
        classes: &DIGITS,
        addresses: &[
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ],
        files: &[
            DataFile {
                name: "train-images-idx3-ubyte.gz",
                compressed_bytes: 9_912_422,
                compressed_sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                bytes: 47_040_016,
                sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            },
            DataFile {
                name: "train-labels-idx1-ubyte.gz",
                compressed_bytes: 28_881,
                compressed_sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                bytes: 60_008,
                sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            },
            DataFile {
                name: "t10k-images-idx3-ubyte.gz",
                compressed_bytes: 1_648_877,
                compressed_sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                bytes: 7_840_016,
                sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            },
            DataFile {
                name: "t10k-labels-idx1-ubyte.gz",
                compressed_bytes: 4_542,
                compressed_sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                bytes: 10_008,
                sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            },
        ],
    },
    Dataset {
        name: "fashion_mnist",
        aliases: &["fashion-mnist", "FashionMNIST"],
        description: "70,000 pictures of clothes of 28x28 pixels",
        attribution: "H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST, 2017. arXiv:1708.07747. Zalando SE",
        licence: "MIT",
        source: "https://github.com/zalandoresearch/fashion-mnist",
        example: &[28, 28],
        max_value: 255,
        examples: [60_000, 10_000],
        classes: &[
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ],
        addresses: &[
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        ],
        files: &[
            DataFile {
                name: "train-images-idx3-ubyte.gz",
                compressed_bytes: 26_421_880,
                compressed_sha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                bytes: 47_040_016,
                sha256: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            },
            DataFile {
                name: "train-labels-idx1-ubyte.gz",
                compressed_bytes: 29_515,
                compressed_sha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                bytes: 60_008,
                sha256: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            },
            DataFile {
                name: "t10k-images-idx3-ubyte.gz",
                compressed_bytes: 4_422_102,
                compressed_sha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                bytes: 7_840_016,
                sha256: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            },
            DataFile {
                name: "t10k-labels-idx1-ubyte.gz",
                compressed_bytes: 5_148,
                compressed_sha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                bytes: 10_008,
                sha256: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            },
        ],
    },
];
