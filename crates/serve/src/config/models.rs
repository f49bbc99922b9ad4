//! Which models are served.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use cornet_error::{Limits, Result, err};
use serde::Deserialize;

use super::BatchingParameters;
use super::text::{Fields, parse};
use crate::VersionPolicy;

/// One served model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// The name requests use.
    pub name: String,
    /// Where its versions are: see [`Source`](crate::Source).
    pub base_path: PathBuf,
    /// Which of them are served.
    #[serde(default)]
    pub version_policy: VersionPolicy,
    /// Names of versions.
    #[serde(default, rename = "labels")]
    pub version_labels: BTreeMap<String, i64>,
    /// Batching of its own, before the server's.
    #[serde(default)]
    pub batching: Option<BatchingParameters>,
}

/// Where metrics are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Monitoring {
    /// Whether they are.
    pub enable: bool,
    /// The path; empty for TensorFlow Serving's.
    pub path: String,
}

/// Everything that is served.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// The models.
    #[serde(rename = "model")]
    pub models: Vec<ModelConfig>,
    /// Batching of all models that have none of their own.
    pub batching: Option<BatchingParameters>,
    /// Metrics.
    pub monitoring: Option<Monitoring>,
}

impl ServerConfig {
    /// Reads the text proto of `--model_config_file`.
    ///
    /// # Errors
    /// `invalid_argument` for what is not in TensorFlow Serving's schema, and for names given twice; `limit_exceeded`.
    pub fn from_text(text: &str, limits: &Limits) -> Result<Self> {
        let fields = parse(text, limits)?;
        fields.only("model server config", &["model_config_list"])?;
        let mut models = Vec::new();
        for list in fields.all("model_config_list") {
            let list = list.message("model_config_list")?;
            list.only("model_config_list", &["config"])?;
            for config in list.all("config") {
                models.push(model(config.message("config")?)?);
            }
        }
        Self { models, ..Self::default() }.checked()
    }

    /// Reads a TOML file: `[[model]]` tables with `name`, `base_path`, `version_policy` (`"all"`, `{ latest = 2 }`,
    /// `{ specific = [1, 3] }`), `labels` and `batching`; `[batching]`; `[monitoring]`.
    ///
    /// # Errors
    /// `invalid_argument` with the place.
    ///
    /// ```
    /// let config = cornet_serve::config::ServerConfig::from_toml(r#"
    /// [[model]]
    /// name = "digits"
    /// base_path = "/models/digits"
    /// version_policy = { specific = [3, 4] }
    /// labels = { stable = 3, canary = 4 }
    ///
    /// [batching]
    /// max_batch_size = 32
    /// "#)?;
    /// assert_eq!(config.models[0].version_labels["canary"], 4);
    /// # Ok::<(), cornet_error::Error>(())
    /// ```
    pub fn from_toml(text: &str) -> Result<Self> {
        let config: Self = toml::from_str(text).map_err(|e| err!(InvalidArgument, "configuration: {e}"))?;
        config.checked()
    }

    fn checked(mut self) -> Result<Self> {
        let mut names = HashSet::new();
        for model in &mut self.models {
            let name = &model.name;
            if name.is_empty() || name.contains(['/', ':']) {
                return Err(err!(InvalidArgument, "model name: expected one without '/' and ':', found '{name}'"));
            }
            if !names.insert(name.clone()) {
                return Err(err!(InvalidArgument, "Illegal to list model {name} multiple times in config list"));
            }
            if model.base_path.as_os_str().is_empty() {
                return Err(err!(InvalidArgument, "model {name}: expected a base_path, found none"));
            }
            model.batching = model.batching.take().map(BatchingParameters::checked).transpose()?;
        }
        self.batching = self.batching.map(BatchingParameters::checked).transpose()?;
        Ok(self)
    }
}

fn model(fields: &Fields) -> Result<ModelConfig> {
    const NAMES: [&str; 8] = [
        "name",
        "base_path",
        "model_platform",
        "model_type",
        "model_version_policy",
        "version_labels",
        "logging_config",
        "metadata",
    ];
    fields.only("config", &NAMES)?;
    let text = |name: &str| fields.get(name).map_or(Ok(""), |f| f.text(name));
    let name = text("name")?.to_owned();
    let platform = text("model_platform")?;
    if !["", "tensorflow"].contains(&platform) {
        return Err(err!(InvalidArgument, "Model {name} requests unsupported platform {platform}")
            .help("leave model_platform out: the format is told from the files"));
    }
    let version_policy = match fields.get("model_version_policy") {
        Some(policy) => self::policy(policy.message("model_version_policy")?)?,
        None => VersionPolicy::default(),
    };
    let mut version_labels = BTreeMap::new();
    for entry in fields.all("version_labels") {
        let entry = entry.message("version_labels")?;
        entry.only("version_labels", &["key", "value"])?;
        let key = entry.get("key").map_or(Ok(""), |f| f.text("key"))?.to_owned();
        version_labels.insert(key, entry.get("value").map_or(Ok(0), |f| f.int("value"))?);
    }
    Ok(ModelConfig { name, base_path: text("base_path")?.into(), version_policy, version_labels, batching: None })
}

fn policy(fields: &Fields) -> Result<VersionPolicy> {
    fields.only("model_version_policy", &["latest", "all", "specific"])?;
    let Some((name, field)) = fields.0.last() else { return Ok(VersionPolicy::default()) };
    let inner = field.message(name)?;
    match name.as_str() {
        "all" => {
            inner.only("all", &[])?;
            Ok(VersionPolicy::All)
        }
        "specific" => {
            inner.only("specific", &["versions"])?;
            Ok(VersionPolicy::Specific(inner.all("versions").map(|f| f.int("versions")).collect::<Result<_>>()?))
        }
        _ => {
            inner.only("latest", &["num_versions"])?;
            let count = inner.get("num_versions").map_or(Ok(1), |f| f.int("num_versions"))?;
            let count = u32::try_from(count)
                .map_err(|_| err!(InvalidArgument, "num_versions: expected 0 or more, found {count}"))?;
            // In protocol buffers 0 is the same as not given.
            Ok(VersionPolicy::Latest(count.max(1)))
        }
    }
}

impl Monitoring {
    /// Reads the text proto of `--monitoring_config_file`.
    ///
    /// # Errors
    /// `invalid_argument`; `limit_exceeded`.
    pub fn from_text(text: &str, limits: &Limits) -> Result<Self> {
        let fields = parse(text, limits)?;
        fields.only("monitoring config", &["prometheus_config"])?;
        let Some(inner) = fields.get("prometheus_config") else { return Ok(Self::default()) };
        let inner = inner.message("prometheus_config")?;
        inner.only("prometheus_config", &["enable", "path"])?;
        Ok(Self {
            enable: inner.get("enable").map_or(Ok(false), |f| f.bool("enable"))?,
            path: inner.get("path").map_or(Ok(""), |f| f.text("path"))?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_models_is_read() {
        // After serving_config.md of TensorFlow Serving.
        let text = r#"
            model_config_list {
              config {
                name: 'my_first_model'
                base_path: '/tmp/my_first_model/'
                model_platform: 'tensorflow'
                model_version_policy { specific { versions: 42 versions: 43 } }
                version_labels { key: 'stable' value: 42 }
                version_labels { key: 'canary' value: 43 }
              }
              config { name: "b" base_path: "/b" model_version_policy { all {} } }
              config { name: "c" base_path: "/c" model_version_policy: { latest { num_versions: 2 } } }
            }"#;
        let models = ServerConfig::from_text(text, &Limits::default()).unwrap().models;
        assert_eq!(models[0].version_policy, VersionPolicy::Specific(vec![42, 43]));
        assert_eq!(models[0].version_labels, BTreeMap::from([("stable".into(), 42), ("canary".into(), 43)]));
        assert_eq!(models[1].version_policy, VersionPolicy::All);
        assert_eq!(models[2].version_policy, VersionPolicy::Latest(2));
    }

    #[test]
    fn wrong_lists_are_refused() {
        for (config, expected) in [
            ("config { name: 'a' base_path: '/a' } config { name: 'a' base_path: '/b' }", "Illegal to list model a"),
            ("config { name: 'a' }", "model a: expected a base_path"),
            ("config { name: 'a/b' base_path: '/a' }", "without '/' and ':'"),
            ("config { name: 'a' base_path: '/a' model_platform: 'x' }", "unsupported platform x"),
            ("config { nome: 'a' }", "found 'nome'"),
        ] {
            let text = format!("model_config_list {{ {config} }}");
            let error = ServerConfig::from_text(&text, &Limits::default()).unwrap_err().to_string();
            assert!(error.contains(expected), "{config}: {error}");
        }
        let error = ServerConfig::from_toml("[[model]]\nname = 'a'\nbase_path = '/a'\npolicy = 'all'").unwrap_err();
        assert!(error.to_string().contains("policy"), "{error}");
    }

    #[test]
    fn monitoring_is_read() {
        let text = "prometheus_config { enable: true, path: \"/monitoring/prometheus/metrics\" }";
        let read = Monitoring::from_text(text, &Limits::default()).unwrap();
        assert_eq!(read, Monitoring { enable: true, path: "/monitoring/prometheus/metrics".into() });
    }
}
