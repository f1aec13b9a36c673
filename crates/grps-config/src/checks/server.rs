//! Rules for `server.yml` and for files with keys.

use std::collections::HashMap;

use crate::checks::Checked;
use crate::checks::interface::{check_custom_routes, check_ways_in};
use crate::graphs::Fail;
use crate::ports::parse_ports;
use crate::schema::{Names, Schema};
use crate::text::quoted;
use crate::types::{CaptureConfig, CertificateConfig, GpuConfig, KeyConfig, ServerConfig};

/// What `sha256sum` prints for a variable that is not set.
const EMPTY_DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Checks the file.
pub(crate) fn check_server(config: &ServerConfig, schema: &Schema, fail: Fail<'_>) -> Checked {
    parse_ports(&config.interface.port)
        .map_err(|fault| fail("interface.port", &format!("{fault}; write 7080 or 7080,7081")))?;
    check_custom_routes(config, schema, fail)?;
    check_ways_in(&config.interface, fail)?;
    if let Some(gpu) = &config.gpu {
        check_gpu(gpu, &schema.names, fail)?;
    }
    if let Some(auth) = &config.auth {
        check_keys(&auth.keys, "auth.keys", fail)?;
        check_certificates(&auth.certificates, fail)?;
    }
    check_capture(&config.capture, &schema.names, fail)?;
    let sizes = &config.limits;
    if let Some(inflight) = sizes.max_inflight_bytes
        && inflight < sizes.max_request_bytes
    {
        let text = format!(
            "{inflight} is less than max_request_bytes, {}: the largest request would never be \
             taken",
            sizes.max_request_bytes
        );
        return Err(fail("limits.max_inflight_bytes", &text));
    }
    Ok(())
}

/// Checks that each API key is listed once, and each name, and that none is empty.
pub(crate) fn check_keys(keys: &[KeyConfig], at: &str, fail: Fail<'_>) -> Checked {
    let mut names: HashMap<&str, usize> = HashMap::new();
    let mut digests: HashMap<&str, usize> = HashMap::new();
    for (index, key) in keys.iter().enumerate() {
        if key.sha256 == EMPTY_DIGEST {
            let text = "it is the digest of an empty key; make a key with 'grpst key NAME'";
            return Err(fail(&format!("{at}[{index}].sha256"), text));
        }
        if let Some(earlier) = names.insert(&key.name, index) {
            let text = format!("{} is already the name of {at}[{earlier}]", quoted(&key.name));
            return Err(fail(&format!("{at}[{index}].name"), &text));
        }
        if let Some(earlier) = digests.insert(&key.sha256, index) {
            let text = format!("it is the key of {at}[{earlier}]; a key has one name");
            return Err(fail(&format!("{at}[{index}].sha256"), &text));
        }
    }
    Ok(())
}

fn check_certificates(certificates: &[CertificateConfig], fail: Fail<'_>) -> Checked {
    let mut subjects: HashMap<&str, usize> = HashMap::new();
    for (index, one) in certificates.iter().enumerate() {
        if let Some(earlier) = subjects.insert(&one.subject, index) {
            let text = format!("{} is already auth.certificates[{earlier}]", quoted(&one.subject));
            return Err(fail(&format!("auth.certificates[{index}].subject"), &text));
        }
    }
    Ok(())
}

fn check_capture(capture: &CaptureConfig, names: &Names, fail: Fail<'_>) -> Checked {
    if capture.sample_ratio == 0.0 {
        let text = "0 records nothing; use 0.01 for one request of 100";
        return Err(fail("capture.sample_ratio", text));
    }
    if capture.max_record_bytes > capture.max_bytes / 2 {
        let text = format!(
            "{} is more than half of max_bytes, {}; lower it, or raise max_bytes",
            capture.max_record_bytes, capture.max_bytes
        );
        return Err(fail("capture.max_record_bytes", &text));
    }
    for (index, header) in capture.headers.iter().enumerate() {
        let name = header.to_ascii_lowercase();
        if names.secret_header_parts.iter().any(|part| name.contains(part)) {
            let text = format!(
                "{} may have a secret, which is never recorded; leave it out",
                quoted(header)
            );
            return Err(fail(&format!("capture.headers[{index}]"), &text));
        }
    }
    Ok(())
}

fn check_gpu(gpu: &GpuConfig, names: &Names, fail: Fail<'_>) -> Checked {
    if let Some(limit) = gpu.mem_limit_mib
        && limit != -1
        && limit < 1
    {
        let text = format!("expected -1 (no limit) or 1 and more; got {limit}");
        return Err(fail("gpu.mem_limit_mib", &text));
    }
    let collects = gpu.mem_gc_enable == Some(true);
    let memory = gpu.mem_manager_type.as_deref().filter(|name| *name != "none");
    match memory {
        None if gpu.limits_memory() || collects => {
            let asked = if gpu.limits_memory() { "mem_limit_mib" } else { "mem_gc_enable" };
            let (first, others) = names.memory_managers.split_first().unzip();
            let text = format!(
                "needs to know whose memory: add 'mem_manager_type: {}' (or {}), or leave it out",
                first.map_or("", String::as_str),
                others.unwrap_or_default().join(", ")
            );
            Err(fail(&format!("gpu.{asked}"), &text))
        }
        Some(memory) if collects && !names.memory_collectors.iter().any(|one| one == memory) => {
            let text =
                format!("{memory} gives no memory back before its process ends; leave it out");
            Err(fail("gpu.mem_gc_enable", &text))
        }
        _ => Ok(()),
    }
}
