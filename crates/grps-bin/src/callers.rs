//! Who may call a service: what `auth` of `server.yml` and its files list.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use grps_config::types::{AuthConfig, Scope};
use grps_config::{Loader, check_all_keys, read_text};
use grps_server::{
    App, AuthSettings, CallerLimits, CallerSettings, CertificateSettings, JwtSettings, KeySettings,
    Scopes,
};

use crate::stopping::Ending;

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// What a change of a file changes; `None` for a missing one.
type FileState = Option<(u64, u64, Option<SystemTime>)>;

/// The callers of a service, which follow their files.
pub(crate) struct Callers {
    config: AuthConfig,
    /// What its files are relative to; a file is in the first folder that has it.
    folders: Vec<PathBuf>,
    app: Arc<App>,
    loader: Loader,
    states: Vec<FileState>,
}

impl Callers {
    pub(crate) fn new(
        config: AuthConfig,
        folders: Vec<PathBuf>,
        app: Arc<App>,
        loader: Loader,
    ) -> Self {
        let mut callers = Self { config, folders, app, loader, states: Vec::new() };
        callers.states = callers.look();
        callers
    }

    /// Reads the files and lets the server admit who is listed.
    pub(crate) fn admit(&self) -> Result<(), String> {
        let settings = self.settings()?;
        let count = (settings.keys.len(), settings.certificates.len());
        let tokens = if settings.jwt.is_some() { ", JSON web tokens" } else { "" };
        self.app.set_callers(&settings).map_err(|error| {
            let file = self.config.jwt.as_ref().map_or("", |jwt| jwt.jwks_file.as_str());
            format!("{}: {error}", self.find(file).display())
        })?;
        tracing::info!("callers: {} keys, {} certificates{tokens}", count.0, count.1);
        Ok(())
    }

    /// Admits them again whenever a file has changed, until the process ends.
    pub(crate) fn follow(mut self, ending: &Ending) {
        while !self.states.is_empty() && !ending.wait_for(INTERVAL) {
            let states = self.look();
            if states == self.states {
                continue;
            }
            self.states = states;
            if let Err(error) = self.admit() {
                tracing::error!("the callers stay as they were: {error}");
            }
        }
    }

    fn look(&self) -> Vec<FileState> {
        let jwks = self.config.jwt.as_ref().map(|jwt| &jwt.jwks_file);
        let names = self.config.keys_file.iter().chain(jwks);
        names.map(|name| state_of(&self.find(name))).collect()
    }

    fn find(&self, name: &str) -> PathBuf {
        let mut files = self.folders.iter().map(|folder| folder.join(name));
        let first = files.clone().next().unwrap_or_default();
        files.find(|file| file.exists()).unwrap_or(first)
    }

    fn settings(&self) -> Result<AuthSettings, String> {
        let mut keys = self.config.keys.clone();
        if let Some(name) = &self.config.keys_file {
            let file = self.find(name);
            keys.extend(self.loader.keys(&file).map_err(|error| error.to_string())?);
            check_all_keys(&keys, &file).map_err(|error| error.to_string())?;
        }
        let mut settings = AuthSettings { keys: Vec::new(), jwt: None, certificates: Vec::new() };
        for key in keys {
            let sha256 = digest_of(&key.sha256).ok_or("a SHA-256 has 32 bytes")?;
            let limits = CallerLimits {
                max_requests_per_second: key.max_requests_per_second,
                max_requests_per_minute: key.max_requests_per_minute,
                max_tokens_per_minute: key.max_tokens_per_minute,
                max_concurrency: key.max_concurrency,
            };
            let caller = caller(key.name, &key.scopes, limits)?;
            settings.keys.push(KeySettings { sha256, caller });
        }
        for one in self.config.certificates.clone() {
            let limits = CallerLimits {
                max_requests_per_second: one.max_requests_per_second,
                max_requests_per_minute: one.max_requests_per_minute,
                max_tokens_per_minute: one.max_tokens_per_minute,
                max_concurrency: one.max_concurrency,
            };
            let caller = caller(one.name, &one.scopes, limits)?;
            settings.certificates.push(CertificateSettings { subject: one.subject, caller });
        }
        if let Some(jwt) = &self.config.jwt {
            let text = read_text(&self.find(&jwt.jwks_file));
            settings.jwt = Some(JwtSettings {
                jwks: text.map_err(|error| error.to_string())?,
                issuer: jwt.issuer.clone(),
                audience: jwt.audience.clone(),
                scopes_claim: jwt.scopes_claim.clone(),
                default_scopes: scopes(&jwt.default_scopes)?,
            });
        }
        Ok(settings)
    }
}

fn caller(name: String, allowed: &[Scope], limits: CallerLimits) -> Result<CallerSettings, String> {
    Ok(CallerSettings { name, scopes: scopes(allowed)?, limits })
}

fn scopes(allowed: &[Scope]) -> Result<Scopes, String> {
    let names = allowed.iter().map(|scope| scope.name());
    Scopes::from_names(names).map_err(|error| error.to_string())
}

fn digest_of(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(digest)
}

fn state_of(file: &Path) -> FileState {
    use std::os::unix::fs::MetadataExt;
    let found = file.metadata().ok()?;
    Some((found.ino(), found.len(), found.modified().ok()))
}
