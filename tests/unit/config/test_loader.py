"""Every rule of the two configuration files: what is accepted, and what an error says."""

from __future__ import annotations

from pathlib import Path

import pytest

from grps.converters.names import NAMES
from grps.errors import ConfigError
from grps.server.configuration import load_inference, load_server, parse_inference, parse_server
from grps.server.project import Project

UPSTREAM_INFERENCE = """\
models:
  - name: your_model
    version: 1.0.0
    device: cuda # `cpu`, `cuda`, `gpu:0`, `original`
    inp_device:
    inferer_type: customized
    inferer_name: your_inferer
    inferer_path: # path of model inferer.
    inferer_args:
      customized_op_paths:
    converter_type: none
    converter_name: null
    converter_path: ~
    converter_args: null
    batching:
      type: dynamic
      max_batch_size: 16
      batch_timeout_us: 1000
dag:
  type: sequential
  name: your_dag
  nodes:
    - name: node-1
      type: model
      model: your_model-1.0.0
"""

UPSTREAM_SERVER = """\
interface:
  framework: http+grpc
  host: 0.0.0.0
  port: 7080,7081 # http port, grpc port.
  customized_predict_http:
    path: /custom_predict
    customized_body: true
    streaming_ctrl:
      ctrl_mode:
      ctrl_key:
      res_content_type:
max_connections: 1000
max_concurrency: 32
gpu:
  devices: [ 0 ]
  mem_manager_type: none
  mem_limit_mib: -1
log:
  log_dir: ./logs
  log_backup_count: 7
"""

MODEL = "models:\n- {name: m, version: 1, inferer_type: torch, inferer_path: m.pt}\n"


def fails_inference(text: str) -> str:
    with pytest.raises(ConfigError) as raised:
        parse_inference(text, "conf/inference.yml")
    return str(raised.value)


def fails_server(text: str) -> str:
    with pytest.raises(ConfigError) as raised:
        parse_server(text, "conf/server.yml")
    return str(raised.value)


def model_with(line: str) -> str:
    return f"models:\n- name: m\n  version: 1.0.0\n{line}\n"


class TestAccepted:
    def test_upstream_inference(self, tmp_path: Path) -> None:
        path = tmp_path / "inference.yml"
        path.write_text(UPSTREAM_INFERENCE)
        config = load_inference(path)
        model = config.models[0]
        assert model.key == "your_model-1.0.0"
        assert model.inferer_path is None
        assert model.inp_device is None
        assert model.inferer_args == {"customized_op_paths": None}
        assert model.batching is not None
        assert model.batching.type == "dynamic"
        assert config.dag is not None
        assert config.dag.name == "your_dag"

    def test_upstream_server(self, tmp_path: Path) -> None:
        path = tmp_path / "server.yml"
        path.write_text(UPSTREAM_SERVER)
        config = load_server(path)
        assert config.interface.ports == (7080, 7081)
        (route,) = config.interface.customized_routes
        several = UPSTREAM_SERVER.replace("    path: /custom_predict", "  - path: /a\n  - path: /b")
        path.write_text(several)
        assert [own.path for own in load_server(path).interface.customized_routes] == ["/a", "/b"]
        assert route.customized_body is True
        assert route.streaming_ctrl is not None
        assert route.streaming_ctrl.ctrl_mode is None
        assert config.gpu is not None
        assert config.gpu.devices == (0,)

    @pytest.mark.parametrize("text", ["", "# nothing\n", "null\n", "interface:\nlog:\ngpu: null\n"])
    def test_empty_values_mean_defaults(self, text: str) -> None:
        config = parse_server(text, "server.yml")
        assert config.interface.ports == (7080, 7081)
        assert config.log.log_dir == "./logs"
        assert config.max_connections == 1000

    def test_null_inside_a_section_means_default(self) -> None:
        config = parse_server("log:\n  log_dir:\nmax_connections: ~\n", "server.yml")
        assert config.log.log_dir == "./logs"
        assert config.max_connections == 1000

    @pytest.mark.parametrize(
        ("given", "version"),
        [("1.0", "1.0"), ("1.10", "1.10"), ("2", "2"), ("1.0.0", "1.0.0"), ("2024-01-02",) * 2],
    )
    def test_version_is_text_as_written(self, given: str, version: str) -> None:
        text = MODEL.replace("version: 1", f"version: {given}")
        assert parse_inference(text, "i.yml").models[0].version == version

    def test_one_model_without_dag_is_the_default(self) -> None:
        dag = parse_inference(MODEL, "i.yml").dag
        assert dag is not None
        assert [node.model for node in dag.nodes] == ["m-1"]

    def test_several_models_without_dag_have_no_default(self) -> None:
        second = "- {name: n, version: 1, inferer_type: torch, inferer_path: n.pt}\n"
        config = parse_inference(MODEL + second, "i.yml")
        assert len(config.models) == 2
        assert config.dag is None

    def test_empty_text_of_an_optional_value_is_none(self) -> None:
        text = MODEL.replace("inferer_type", "inp_device: '', inferer_type")
        assert parse_inference(text, "i.yml").models[0].inp_device is None

    def test_anchors_and_merges(self) -> None:
        text = (
            "models:\n"
            "- &base {name: a, version: 1, inferer_type: torch, inferer_path: m.pt}\n"
            "- {<<: *base, name: b}\n"
            "- {<<: *base, name: c}\n"
        )
        assert [model.name for model in parse_inference(text, "i.yml").models] == ["a", "b", "c"]

    def test_args_keep_nulls_and_types(self) -> None:
        text = MODEL.replace("}", ", inferer_args: {a: null, b: [1, 2.5, x], 3: {d: true}}}")
        args = parse_inference(text, "i.yml").models[0].inferer_args
        assert args == {"a": None, "b": [1, 2.5, "x"], "3": {"d": True}}


class TestPorts:
    @pytest.mark.parametrize(
        ("given", "ports"),
        [
            ("7080", (7080,)),
            ("'7080,7081'", (7080, 7081)),
            ("7080,7081", (7080, 7081)),
            ("7080, 7081", (7080, 7081)),
            ("0,0", (0, 0)),
            ("65535", (65535,)),
        ],
    )
    def test_forms(self, given: str, ports: tuple[int, ...]) -> None:
        config = parse_server(f"interface:\n  port: {given}\n", "server.yml")
        assert config.interface.ports == ports

    @pytest.mark.parametrize(
        ("framework", "ports"), [("http", (80,)), ("http+grpc", (80, 81)), ("http+brpc", (80, 81))]
    )
    def test_http_uses_the_first_port_only(self, framework: str, ports: tuple[int, ...]) -> None:
        interface = f"interface: {{framework: {framework}, port: '80,81'}}"
        assert parse_server(interface, "server.yml").interface.ports == ports

    @pytest.mark.parametrize(
        "given",
        ["65536", "70807081", "-1", "7080,", "a", "1,2,3", "7080,7080", "7080_7081", "0x50", "1.5"],
    )
    def test_refused(self, given: str) -> None:
        text = fails_server(f"interface:\n  port: {given}\n")
        assert text.startswith("conf/server.yml:2: interface.port: ")
        assert "write 7080 or 7080,7081" in text

    def test_a_list_is_refused(self) -> None:
        text = fails_server("interface:\n  port: [7080, 7081]\n")
        assert text == "conf/server.yml:2: interface.port: expected text; got a list"


class TestUnknownKeys:
    def test_top_level(self) -> None:
        text = fails_server("interface:\n  port: 7080\n\nmax_conections: 3\n")
        assert text.startswith(
            "conf/server.yml:4: unknown key 'max_conections' (did you mean 'max_connections'?); "
            "allowed: interface, max_connections, max_concurrency, "
        )

    def test_nested_names_its_section(self) -> None:
        text = fails_server("interface:\n  prot: 7080\n")
        assert text.startswith("conf/server.yml:2: unknown key 'prot' in 'interface'")
        assert "(did you mean 'port'?)" in text

    def test_in_a_list(self) -> None:
        text = fails_inference(model_with("  batching:\n    max_batchsize: 4"))
        assert text.startswith("conf/inference.yml:5: unknown key 'max_batchsize' in ")
        assert "'models[0].batching' (did you mean 'max_batch_size'?)" in text

    def test_nothing_near_gives_no_suggestion(self) -> None:
        assert "did you mean" not in fails_server("zzz: 1\n")


class TestNumbersOfFreeSections:
    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ("9" * 5000, f"'{'9' * 60}…' is a number of 5000 characters"),
            (str(1 << 64), "is a number of over 64 bits; write it in quotes"),
            ("16:9", "'16:9' is a number of base 60 in YAML; write it in quotes"),
            ("1:30.5", "'1:30.5' is a number of base 60"),
            ("!!int ''", "malformed value ''"),
            ("!!timestamp x", "malformed value 'x'"),
            ("!!bool x", "malformed value 'x'"),
        ],
    )
    def test_refused(self, value: str, message: str) -> None:
        text = fails_inference(model_with(f"  inferer_args: {{a: 1, b: [{value}]}}"))
        assert text.startswith("conf/inference.yml:4: ")
        assert message in text

    def test_of_64_bits_and_quoted_ones_are_read(self) -> None:
        given = f"{{a: {(1 << 64) - 1}, b: '16:9', c: {-(1 << 63)}}}"
        text = model_with(f"  inferer_type: identity\n  inferer_args: {given}")
        arguments = parse_inference(text, "x").models[0].inferer_args
        assert arguments == {"a": (1 << 64) - 1, "b": "16:9", "c": -(1 << 63)}

    def test_a_name_of_many_digits_is_text(self, tmp_path: Path) -> None:
        (tmp_path / "conf").mkdir()
        (tmp_path / "conf" / "server.yml").touch()
        name = "9" * 100
        model = f"models: [{{name: {name}, version: 1.0.0, inferer_type: identity}}]\n"
        (tmp_path / "conf" / "inference.yml").write_text(model)
        assert Project.read(tmp_path).descriptions[0]["name"] == name


class TestBadValues:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "max_connections: many",
                "1: max_connections: expected a whole number, 1 or more; got",
            ),
            (
                "max_connections: 0",
                "1: max_connections: expected a whole number, 1 or more; got '0'",
            ),
            ("max_connections: true", "1: max_connections: expected a whole number"),
            ("max_connections: 1.5", "1: max_connections: expected a whole number"),
            (
                "max_connections: [1]",
                "1: max_connections: expected a whole number, 1 or more; got a",
            ),
            ("io_threads: 257", "1: io_threads: expected a whole number from 0 to 256; got '257'"),
            (
                "max_connections: 99999999999999999999",
                "1: max_connections: '99999999999999999999' is a number of over 64 bits",
            ),
            (
                "max_connections: 9007199254740992",
                "1: max_connections: '9007199254740992' is too large; at most 9007199254740991",
            ),
            (
                f"max_connections: {'9' * 5000}",
                f"1: max_connections: '{'9' * 60}…' is a number of 5000 characters",
            ),
            (f"io_threads: 0x{'f' * 5000}", f"1: io_threads: '0x{'f' * 58}…' is a number of 5002"),
            (
                "io_threads: 0x10000000000000000",
                "1: io_threads: '0x10000000000000000' is a number of over 64 bits",
            ),
            ("max_connections: 1:30", "1: max_connections: '1:30' is a number of base 60"),
            (
                f"io_threads: 1{':1' * 5000}",
                f"1: io_threads: '{'1:' * 30}…' is a number of base 60",
            ),
            ("max_connections: 1e400", "1: max_connections: expected a whole number"),
            ("max_connections: 1.0e+400", "1: max_connections: expected a whole number"),
            ("max_connections: !!int ''", "1: max_connections: malformed value ''"),
            ("max_connections: !!int 'x'", "1: max_connections: malformed value 'x'"),
            ("interface: {port: 1e400}", "1: interface.port: '1e400' is not a port from 0 to 6"),
            (
                f"interface: {{port: {'9' * 5000}}}",
                f"1: interface.port: '{'9' * 40}…' is not a port",
            ),
            ("interface: {port: 0x1BA8}", "1: interface.port: '0x1BA8' is not a port"),
            ("interface: {port: 7080:30}", "1: interface.port: '7080:30' is not a port"),
            ("log:\n  access: 1", "2: log.access: expected true or false; got '1'"),
            ("log: 3", "1: log: expected a section of keys; got '3'"),
            ("gpu:\n  devices: 0", "2: gpu.devices: expected a list; got '0'"),
            ("gpu:\n  devices:\n  - 0\n  - a", "4: gpu.devices[1]: expected a whole number"),
            ("gpu:\n  devices:\n  - 0\n  -", "4: gpu.devices[1]: the entry is empty"),
            ("gpu:\n  mem_limit_mib: 0", "2: gpu.mem_limit_mib: expected -1 (no limit)"),
            (
                "gpu:\n  mem_limit_mib: 1",
                "2: gpu.mem_limit_mib: needs to know whose memory: add 'mem_manager_type: torch'",
            ),
            (
                "gpu:\n  mem_manager_type: none\n  mem_gc_enable: true",
                "3: gpu.mem_gc_enable: needs to know whose memory",
            ),
            (
                "gpu:\n  mem_manager_type: tensorflow\n  mem_gc_enable: true",
                "3: gpu.mem_gc_enable: tensorflow gives no memory back",
            ),
            ("[1, 2]", "1: expected a section of keys; got a list"),
            (
                "interface:\n  customized_predict_http:\n    path: predict",
                "3: interface.customized_predict_http.path: 'predict' must start with '/'",
            ),
            (
                "interface:\n  customized_predict_http:\n    path: /metrics",
                "3: interface.customized_predict_http.path: '/metrics' is a route of the service",
            ),
            (
                "interface:\n  customized_predict_http:\n  - path: /a\n  - path: b",
                "4: interface.customized_predict_http[1].path: 'b' must start with '/'",
            ),
            (
                "interface:\n  customized_predict_http:\n  - {path: /a}\n  - {path: /a}",
                "4: interface.customized_predict_http[1].path: '/a' is the path of an earlier",
            ),
            (
                "interface: {customized_predict_http: [{customized_body: true}]}",
                "1: interface.customized_predict_http[0]: the route needs a path",
            ),
            (
                "interface: {tls: {cert: a, key: b, client_auth: optional}}",
                "1: interface.tls.client_auth: has no effect without client_ca",
            ),
            (
                "interface: {tls: {cert: a, key: b, client_crl: c}}",
                "1: interface.tls.client_crl: has no effect without client_ca",
            ),
            (
                "interface:\n  hosts:\n  - model.example\n  - http://a",
                "4: interface.hosts[1]: 'http://a' is not a host name",
            ),
            ("interface: {tls: {cert: a}}", "1: interface.tls: required key 'key' is missing"),
            (
                "interface: {unix_socket_mode: rw}",
                "1: interface.unix_socket_mode: expected permissions in octal",
            ),
            (
                "interface:\n  proxy_protocol:\n    trusted:\n    - ::1\n    - 10.0.0.0/99",
                "5: interface.proxy_protocol.trusted[1]: '10.0.0.0/99' does not appear",
            ),
            (
                "interface: {proxy_protocol: {trusted: []}}",
                "1: interface.proxy_protocol.trusted: at least one address",
            ),
            (
                "interface: {cors: {origins: [app.example.com]}}",
                "1: interface.cors.origins[0]: expected an origin such as https://",
            ),
            ("interface: {cors: {origins: []}}", "1: interface.cors.origins: at least one"),
            (
                "interface: {cors: {origins: ['*', 'https://a.example']}}",
                "1: interface.cors.origins: '*' stands for all origins",
            ),
            (
                "interface: {cors: {origins: ['*'], credentials: true}}",
                "1: interface.cors.credentials: browsers refuse credentials for '*'",
            ),
            (
                "interface: {customized_predict_http: /a}",
                "1: interface.customized_predict_http: expected a section of keys",
            ),
        ],
    )
    def test_server(self, text: str, message: str) -> None:
        assert fails_server(text).startswith(f"conf/server.yml:{message}")

    @pytest.mark.parametrize(
        ("keys", "text"),
        [
            ("inferer_path: m", "isolation: inferer_type 'torchserve' needs 'isolation: process'"),
            ("inferer_path: m\n  isolation: process\n  converter_type: torch", "use 'none'"),
            ("isolation: process", "inferer_path: needed because inferer_type is 'torchserve'"),
        ],
    )
    def test_torchserve(self, keys: str, text: str) -> None:
        assert text in fails_inference(model_with(f"  inferer_type: torchserve\n  {keys}"))

    def test_routes_of_torchserve_are_its_own_only_if_it_is_on(self) -> None:
        route = "interface: {customized_predict_http: {path: /ping}}\n"
        assert "'/ping' is a route" in fails_server(f"{route}torchserve: {{enabled: true}}")
        parse_server(route, "conf/server.yml")

    def test_choice_has_suggestion(self) -> None:
        text = fails_inference(model_with("  inferer_type: tourch"))
        assert text == (
            "conf/inference.yml:4: models[0].inferer_type: expected one of customized, decoder, "
            "identity, lightgbm, llamacpp, onnxruntime, openvino, openvino_genai, plugin, sklearn, "
            "tensorflow, tensorrt, tensorrt_llm, torch, torchserve, vllm, xgboost; got 'tourch' "
            "(did you mean 'torch'?)"
        )

    def test_name_grammar(self) -> None:
        text = fails_inference(MODEL.replace("name: m", "name: 'a b'"))
        assert "models[0].name: expected 1 to 128 letters, digits, '.', '_' or '-'" in text
        assert "models[0].name" in fails_inference(MODEL.replace("name: m", 'name: "a\\n"'))

    def test_long_values_are_shortened(self) -> None:
        assert len(fails_server("max_connections: " + "x" * 5000)) < 200

    def test_args_must_be_a_section(self) -> None:
        text = fails_inference(model_with("  inferer_args: [1]"))
        assert "models[0].inferer_args: expected a section of keys; got a list" in text


class TestMissing:
    def test_models(self) -> None:
        message = "conf/inference.yml:1: required key 'models' is missing or empty"
        assert fails_inference("") == message
        assert fails_inference("models:\n") == message

    def test_no_model(self) -> None:
        assert fails_inference("models: []").endswith("models: at least one model is needed")

    def test_key_of_a_model(self) -> None:
        text = fails_inference("models:\n- name: a\n  version: 1\n")
        assert text.startswith("conf/inference.yml:2: models[0]: required key 'inferer_type'")


class TestCrossChecks:
    def test_duplicate_model(self) -> None:
        text = fails_inference(MODEL + MODEL.splitlines()[1] + "\n")
        assert text == "conf/inference.yml:3: models[1].name: model 'm-1' is already models[0]"

    def test_customized_inferer_needs_a_name(self) -> None:
        text = fails_inference(model_with("  inferer_type: customized\n  inferer_name:"))
        assert text.startswith("conf/inference.yml:5: models[0].inferer_name: needed because")

    def test_other_inferer_needs_a_path(self) -> None:
        text = fails_inference(model_with("  inferer_type: torch"))
        assert text.startswith("conf/inference.yml:2: models[0].inferer_path: needed because")

    def test_identity_needs_nothing_and_takes_no_tensor_converter_and_no_batches(self) -> None:
        identity = "  inferer_type: identity"
        text = fails_inference(model_with(f"{identity}\n  converter_type: numpy"))
        assert "models[0].converter_type: inferer_type 'identity' returns" in text
        text = fails_inference(model_with(f"{identity}\n  batching:\n    type: dynamic"))
        assert "models[0].batching.type: inferer_type 'identity' has no batches" in text

    def test_a_built_in_converter_feeds_an_engine_or_code(self) -> None:
        own = "  inferer_type: customized\n  inferer_name: x\n  converter_type: image"
        config = parse_inference(model_with(own), "f")
        assert not NAMES.takes_tensors(config.models[0])
        engine = "  inferer_type: torch\n  inferer_path: m.pt\n  converter_type: "
        text = fails_inference(model_with(f"{engine}text"))
        assert "models[0].converter_path: needed because converter_type is 'text'" in text
        for kind in ("image", "audio", "labels", "text\n  converter_path: t.json"):
            config = parse_inference(model_with(f"{engine}{kind}"), "f")
            assert not NAMES.takes_tensors(config.models[0])
        text = fails_inference(
            model_with(f"{engine}image\n  batching: {{type: dynamic, allowed_sizes: [16]}}")
        )
        assert "needs tensors, but this model's code takes whole messages" in text

    def test_customized_converter_needs_a_name(self) -> None:
        line = "  inferer_type: torch\n  inferer_path: m\n  converter_type: customized"
        text = fails_inference(model_with(line))
        assert text.startswith("conf/inference.yml:2: models[0].converter_name: needed because")

    def test_dag_names_an_undeclared_model(self) -> None:
        text = fails_inference(MODEL + "dag:\n  nodes:\n  - name: n\n    model: m-2\n")
        assert text == (
            "conf/inference.yml:6: dag.nodes[0].model: model 'm-2' is not declared in 'models' "
            "(did you mean 'm-1'?); declared: m-1"
        )

    def test_dag_without_nodes(self) -> None:
        text = fails_inference(MODEL + "dag:\n  nodes: []\n")
        assert text == "conf/inference.yml:4: dag.nodes: at least one node is needed"


CUSTOMIZED = "  inferer_type: customized\n  inferer_name: i\n"


class TestBatchingChecks:
    @pytest.mark.parametrize(
        ("keys", "message"),
        [
            ("preferred_sizes: [2]", "preferred_sizes: has no effect without 'type: dynamic'"),
            (
                "type: dynamic, preferred_sizes: [17]",
                "preferred_sizes: 17 is over max_batch_size 16",
            ),
            ("type: dynamic, allowed_sizes: [4, 8]", "allowed_sizes: its largest size, 8, must be"),
            ("type: dynamic, padding: {sizes: []}", "padding.sizes: at least one size is needed"),
            ("type: dynamic, padding: {sizes: [0]}", "expected a whole number, 1 or more; got '0'"),
            ("type: dynamic, wait: sometimes", "expected one of always, when_busy"),
        ],
    )
    def test_refused(self, keys: str, message: str) -> None:
        lines = f"{CUSTOMIZED}  converter_type: numpy\n  batching: {{{keys}}}"
        text = fails_inference(model_with(lines))
        assert "models[0].batching" in text
        assert message in text

    def test_sizes_need_tensors(self) -> None:
        line = "  batching: {type: dynamic, allowed_sizes: [16]}"
        text = fails_inference(model_with(CUSTOMIZED + line))
        assert "models[0].batching.allowed_sizes: needs tensors, but this model's code" in text

    def test_levels_are_few(self) -> None:
        text = fails_inference(model_with("  queue: {priority_levels: 17}"))
        assert "expected a whole number from 1 to 16" in text


class TestLimitChecks:
    def test_the_largest_request_must_fit(self) -> None:
        text = fails_server("limits:\n  max_request_bytes: 100\n  max_inflight_bytes: 99\n")
        assert "limits.max_inflight_bytes: 99 is less than max_request_bytes, 100" in text


class TestYaml:
    def test_syntax_error_has_its_line(self) -> None:
        text = fails_server("interface:\n  port: 'x\n")
        assert text.startswith("conf/server.yml:")
        assert "not valid YAML" in text

    def test_tabs(self) -> None:
        text = fails_server("interface:\n\tport: 7080\n")
        assert text.startswith("conf/server.yml:2: not valid YAML")
        assert "not with tabs" in text

    def test_duplicate_key(self) -> None:
        text = fails_server("interface:\n  port: 7080\n  host: a\n  port: 7081\n")
        assert text == "conf/server.yml:4: key 'port' is given twice (first on line 2)"

    def test_duplicate_key_in_args(self) -> None:
        text = fails_inference(model_with("  inferer_args: {a: {b: 1, b: 2}}"))
        assert "key 'b' is given twice" in text

    def test_python_tags_are_refused(self) -> None:
        text = fails_inference(model_with("  inferer_args: {a: !!python/name:os.system x}"))
        assert text.startswith("conf/inference.yml:4: not valid YAML: could not determine")

    def test_alias_bomb(self) -> None:
        lines = ["    a0: &a0 [" + "x, " * 20 + "]"]
        lines += [f"    a{i}: &a{i} [" + f"*a{i - 1}, " * 20 + "]" for i in range(1, 9)]
        text = fails_inference(model_with("  inferer_args:\n" + "\n".join(lines)))
        assert "more than 100000 values" in text

    @pytest.mark.parametrize("depth", [100, 20_000])
    def test_deep_nesting(self, depth: int) -> None:
        text = fails_inference(model_with("  inferer_args: {a: " + "[" * depth + "]" * depth + "}"))
        assert "nested" in text

    def test_recursive_alias(self) -> None:
        assert "nested deeper" in fails_inference(model_with("  inferer_args: {a: &a [*a]}"))

    def test_two_documents(self) -> None:
        assert "not valid YAML" in fails_server("a: 1\n---\nb: 2\n")

    def test_control_character(self) -> None:
        assert fails_server("log:\n  level: \x01\n").startswith("conf/server.yml:2: not valid YAML")


class TestFiles:
    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"no\.yml: can't read the file: No such file"):
            load_server(tmp_path / "no.yml")

    def test_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="Is a directory"):
            load_inference(tmp_path)

    def test_not_utf8(self, tmp_path: Path) -> None:
        path = tmp_path / "server.yml"
        path.write_bytes(b"log:\n  log_dir: \xff\n")
        with pytest.raises(ConfigError, match=r"server\.yml:2: the file is not UTF-8"):
            load_server(path)
