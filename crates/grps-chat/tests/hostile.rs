//! Untrusted and random templates.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::time::Duration;

use grps_chat::{
    ChatError, ChatTemplate, MAX_TEMPLATE_BYTES, PromptOptions, Rendering, SpecialTokens,
    TemplateThread,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Long enough for any prompt of these tests on a loaded machine.
const AMPLE: Duration = Duration::from_secs(120);
const SHORT: Duration = Duration::from_millis(200);
/// Lists of which each has the one before twice, which end in 2^60 numbers.
const REPEATED: &str = "{% set n = namespace(a=[1], b=[1]) %}{% for i in range(60) %}\
     {% set n.a = [n.a, n.a] %}{% set n.b = [n.b, n.b] %}{% endfor %}";

fn start(source: &str, limit: Duration) -> TemplateThread {
    TemplateThread::start(source.to_owned(), SpecialTokens::default(), limit).unwrap()
}

fn render(thread: &TemplateThread, text: &str) -> Result<String, ChatError> {
    let messages = vec![json!({"role": "user", "content": text})];
    wait(thread.render(messages, &PromptOptions::default())?)
}

fn wait(rendering: Rendering) -> Result<String, ChatError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(rendering.wait())
}

#[test]
fn prompts_of_a_thread_are_those_of_its_template() {
    let thread = start("{{ tools | length if tools }}{{ messages[0].content }}{{ x }}", AMPLE);
    assert_eq!(render(&thread, "a").unwrap(), "a");
    let tools = [json!({"type": "function"})];
    let variables = json!({"x": 7});
    let options =
        PromptOptions { tools: &tools, variables: variables.as_object(), ..Default::default() };
    let messages = vec![json!({"role": "user", "content": "b"})];
    assert_eq!(wait(thread.render(messages, &options).unwrap()).unwrap(), "1b7");
}

#[test]
fn a_thread_delivers_the_errors_of_its_template() {
    let thread = start("{% if %}", AMPLE);
    for _ in 0..2 {
        assert!(matches!(render(&thread, "a"), Err(ChatError::Syntax { line: Some(1), .. })));
    }
    let long = start(&"x".repeat(MAX_TEMPLATE_BYTES + 1), AMPLE);
    assert!(matches!(render(&long, "a"), Err(ChatError::Syntax { line: None, .. })));
    let refusing = start("{{ raise_exception('no ' + messages[0].content) }}", AMPLE);
    assert_eq!(render(&refusing, "a"), Err(ChatError::Refused("no a".into())));
    assert_eq!(render(&refusing, "b"), Err(ChatError::Refused("no b".into())));
}

#[test]
fn a_template_that_does_not_end_is_given_up() {
    let source = format!("{REPEATED}{{{{ n.a == n.b }}}}");
    let thread = start(&source, SHORT);
    let messages = vec![json!({"role": "user", "content": "a"})];
    // One that waits behind the endless one is given up too.
    let second = thread.render(messages, &PromptOptions::default()).unwrap();
    let expected = Err(ChatError::TimedOut { limit_ms: 200 });
    assert_eq!(render(&thread, "a"), expected);
    assert_eq!(wait(second), expected);
    let error = render(&thread, "a").unwrap_err();
    assert!(!error.is_of_request());
    assert!(error.to_string().contains("longer than 200 ms"), "{error}");
}

#[test]
fn a_template_that_does_not_end_for_some_messages_is_given_up_with_them() {
    let source = format!(
        "{{% if messages[0].content == 'bad' %}}{REPEATED}{{{{ n.a == n.b }}}}{{% endif %}}ok"
    );
    let thread = start(&source, Duration::from_secs(3));
    assert_eq!(render(&thread, "good").unwrap(), "ok");
    assert_eq!(render(&thread, "bad"), Err(ChatError::TimedOut { limit_ms: 3000 }));
    assert_eq!(render(&thread, "good"), Err(ChatError::TimedOut { limit_ms: 3000 }));
}

#[test]
fn deep_values_do_not_overflow_the_stack() {
    let deep = |step: &str, shown: &str| {
        let turns = "{% for i in range(9) %}{% for j in range(9999) %}";
        format!(
            "{{% set n = namespace(l=[], m=[]) %}}{turns}{step}{{% endfor %}}{{% endfor %}}{shown}"
        )
    };
    // Many levels for each step, until the steps are used up.
    let dense = format!("{{% set n.l = {}n.l{} %}}", "[".repeat(40), "]".repeat(40));
    for source in [
        deep("{% set n.l = [n.l] %}", ""),
        deep("{% set n.l = {'a': n.l} %}", ""),
        deep(&dense, ""),
        deep(
            "{% if i < 4 %}{% set n.l = [n.l] %}{% set n.m = [n.m] %}{% endif %}",
            "{{ n.l == n.m }}",
        ),
        deep("{% if i < 4 %}{% set n.l = {'a': n.l} %}{% endif %}", "{{ (n.l ~ '') | length }}"),
    ] {
        let thread = start(&source, AMPLE);
        match render(&thread, "a") {
            Ok(_) | Err(ChatError::TooManySteps) => {}
            Err(error) => panic!("{error} of {source}"),
        }
    }
}

/// Parts of templates, which are put together at random.
const WORDS: &[&str] = &[
    "{{ ",
    " }}",
    "{% ",
    " %}",
    "{%- ",
    " -%}",
    "{# ",
    " #}",
    "for m in messages",
    "endfor",
    "if ",
    "else",
    "elif ",
    "endif",
    "set x = ",
    "set ns.x = ",
    "macro f(a, b=1)",
    "endmacro",
    "f(x)",
    "generation",
    "endgeneration",
    "messages",
    "m",
    "m.content",
    "m['role']",
    "[0]",
    "[-1]",
    "[::-1]",
    "[1:]",
    "[:-1]",
    "x",
    "ns",
    "namespace(x=[])",
    " + ",
    " ~ ",
    " - ",
    " * ",
    " // ",
    " % ",
    " ** ",
    " == ",
    " in ",
    " not ",
    " and ",
    " or ",
    " is defined",
    " is string",
    " is iterable",
    " is mapping",
    " | tojson",
    " | tojson(indent=2)",
    " | trim",
    " | length",
    " | list",
    " | join(',')",
    " | default('', true)",
    " | indent(3)",
    " | int",
    " | float",
    " | string",
    " | round",
    " | reverse",
    " | first",
    " | last",
    " | sort",
    " | unique",
    " | dictsort",
    " | items",
    " | batch(2)",
    " | slice(3)",
    " | map(attribute='role')",
    " | selectattr('role')",
    " | title",
    " | upper",
    " | replace('a', 'b')",
    " | format(1, 'a')",
    "'%s %5d'",
    "'é🦀'",
    "''",
    "0",
    "-1",
    "3",
    "1e300",
    "none",
    "true",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ", ",
    ": ",
    ".split(x)",
    ".split('e')",
    ".rsplit(none, 1)",
    ".strip('é')",
    ".lstrip()",
    ".find('r', -2, 9)",
    ".count('')",
    ".center(9)",
    ".zfill(5)",
    ".splitlines(true)",
    ".title()",
    ".swapcase()",
    ".partition('e')",
    ".startswith('a')",
    ".replace('', 'x', 3)",
    ".items()",
    ".get('role')",
    ".format(1)",
    "loop.index",
    "loop.last",
    "loop(messages)",
    "range(3)",
    "range(9, -9, -2)",
    "dict(a=1)",
    "cycler('a')",
    "joiner()",
    "raise_exception('no')",
    "strftime_now('%d %b')",
    "strftime_now('%')",
    "strftime_now('%9')",
    "tools",
    "bos_token",
    "\n",
    " ",
    "text",
    "break",
    "continue",
    "raw",
    "endraw",
    "with a=1",
    "endwith",
    "call f()",
    "endcall",
    "caller()",
];

fn any_template() -> impl Strategy<Value = String> {
    let words = proptest::collection::vec(proptest::sample::select(WORDS), 0..30);
    let blocks = proptest::collection::vec(
        prop_oneof![
            words.clone().prop_map(|words| words.concat()),
            words.prop_map(|words| {
                let inner: Vec<&str> =
                    words.into_iter().filter(|word| is_of_expression(word)).collect();
                format!("{{{{ {} }}}}", inner.concat())
            }),
            (
                proptest::sample::select(WORDS),
                proptest::sample::select(WORDS),
                proptest::sample::select(WORDS)
            )
                .prop_map(|(a, b, c)| format!(
                    "{{% set ns = namespace(x='a') %}}{{{{ messages{a}{b}{c} }}}}"
                )),
            (proptest::sample::select(WORDS), proptest::sample::select(WORDS)).prop_map(
                |(a, b)| format!(
                    "{{% for m in messages %}}{{{{ m.content{a}{b} }}}}{{% endfor %}}"
                )
            ),
            any::<String>(),
        ],
        0..5,
    );
    blocks.prop_map(|blocks| blocks.concat())
}

fn is_of_expression(word: &str) -> bool {
    !word.contains('%') && !word.contains("{{") && !word.contains("}}") && !word.contains('#')
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[ \\n\\t\\r\\x1c\\u{2028}é'\"<>{}%]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn any_message() -> impl Strategy<Value = Value> {
    let role = proptest::sample::select(&["system", "user", "assistant", "tool", "king"][..]);
    let message = (role, any_value(), any_value()).prop_map(|(role, content, calls)| {
        json!({"role": role, "content": content, "tool_calls": calls, "name": "é"})
    });
    prop_oneof![8 => message, 1 => any_value()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever the template and the messages are, there is a prompt or an error.
    #[test]
    fn no_template_makes_the_renderer_panic(
        source in any_template(),
        messages in proptest::collection::vec(any_message(), 0..4),
        tools in proptest::collection::vec(any_value(), 0..2),
    ) {
        if let Ok(template) = ChatTemplate::parse(&source, SpecialTokens::default()) {
            let options = PromptOptions { tools: &tools, ..PromptOptions::default() };
            if let Err(error) = template.render(&messages, &options) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
