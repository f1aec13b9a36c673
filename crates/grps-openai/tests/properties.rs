//! What holds for all bytes, all JSON and all texts.

mod common;

use common::{data, finish, head, options, small_limits};
use grps_chat::AnswerPart;
use grps_openai::{
    AnswerStream, ApiError, ChatStream, CompletionStream, FinishReason, Limits, MessageStream,
    Prompt, Recording, ResponseStream, WholeAnswer, read_chat, read_completion, read_count_tokens,
    read_detokenize, read_embeddings, read_messages, read_rerank, read_responses, read_tokenize,
};
use proptest::collection::{hash_map, vec};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use proptest::{prop_assert, prop_assert_eq};
use serde_json::{Map, Value, json};

type Reader = fn(&[u8], &Limits) -> Result<(), ApiError>;

/// All functions that read requests.
fn readers() -> [Reader; 9] {
    [
        |body, limits| read_chat(body, limits).map(drop),
        |body, limits| read_completion(body, limits).map(drop),
        |body, limits| read_responses(body, limits).map(drop),
        |body, limits| read_messages(body, limits).map(drop),
        |body, limits| read_count_tokens(body, limits).map(drop),
        |body, limits| read_embeddings(body, limits).map(drop),
        |body, limits| read_rerank(body, limits).map(drop),
        |body, limits| read_tokenize(body, limits).map(drop),
        |body, limits| read_detokenize(body, limits).map(drop),
    ]
}

/// Names of fields that the readers know, so that random objects get far.
const NAMES: [&str; 40] = [
    "model",
    "messages",
    "role",
    "content",
    "type",
    "text",
    "prompt",
    "input",
    "tools",
    "function",
    "name",
    "parameters",
    "tool_choice",
    "tool_calls",
    "id",
    "arguments",
    "stop",
    "logit_bias",
    "stream_options",
    "response_format",
    "json_schema",
    "schema",
    "image_url",
    "url",
    "source",
    "data",
    "media_type",
    "system",
    "thinking",
    "max_tokens",
    "call_id",
    "output",
    "documents",
    "query",
    "tokens",
    "n",
    "top_k",
    "structured_outputs",
    "chat_template_kwargs",
    "input_audio",
];

const WORDS: [&str; 18] = [
    "m",
    "user",
    "assistant",
    "system",
    "tool",
    "text",
    "image_url",
    "function",
    "auto",
    "message",
    "function_call",
    "input_text",
    "tool_use",
    "tool_result",
    "json_schema",
    "data:a;base64,AA==",
    "https://a.example",
    "é",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..5).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(&WORDS[..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let name = prop::sample::select(&NAMES[..]).prop_map(str::to_owned);
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            hash_map(name, inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn any_part() -> impl Strategy<Value = AnswerPart> {
    prop_oneof![
        any::<String>().prop_map(AnswerPart::Text),
        any::<String>().prop_map(AnswerPart::Reasoning),
        (0_usize..3, any::<String>())
            .prop_map(|(index, name)| AnswerPart::ToolCall { index, name }),
        (0_usize..3, any::<String>())
            .prop_map(|(index, json)| AnswerPart::ToolArguments { index, json }),
    ]
}

/// Everything that choice 1 of a chat got, from its events.
fn joined(events: &[Value], field: &str) -> String {
    let deltas = events.iter().map(|event| &event["choices"][0]);
    let of_choice = deltas.filter(|choice| choice["index"] == json!(1));
    of_choice.filter_map(|choice| choice["delta"][field].as_str()).collect()
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(body in vec(any::<u8>(), 0..200)) {
        for read in readers() {
            assert_eq!(read(&body, &small_limits()).map_err(|error| error.status()), Err(400));
        }
    }

    #[test]
    fn no_json_makes_a_reader_panic(mut body in any_json(), known in any::<bool>()) {
        if let (Value::Object(map), true) = (&mut body, known) {
            map.insert("model".to_owned(), json!("m"));
            map.entry("max_tokens").or_insert(json!(5));
        }
        for read in readers() {
            if let Err(error) = read(body.to_string().as_bytes(), &small_limits()) {
                assert_eq!(error.status(), 400);
                assert!(!error.message().is_empty());
            }
        }
    }

    #[test]
    fn valid_values_come_through(
        text in any::<String>(), temperature in 0.0_f32..=2.0, max_tokens in 1_u32..,
        seed in any::<i64>(), choices in 1_u32..=4, stop in vec("[a-z\"\\\\\n]{1,9}", 0..16),
    ) {
        let body = json!({
            "model": "m", "messages": [{"role": "user", "content": text}], "n": choices,
            "temperature": temperature, "max_tokens": max_tokens, "seed": seed, "stop": stop,
        });
        let chat = read_chat(body.to_string().as_bytes(), &small_limits()).expect("accepted");
        let message = json!({"role": "user", "content": text});
        prop_assert_eq!(chat.prompts, [Prompt::Messages(vec![message])]);
        prop_assert_eq!(chat.sampling.temperature, Some(temperature));
        prop_assert_eq!(chat.sampling.max_tokens, Some(max_tokens));
        prop_assert_eq!((chat.sampling.seed, chat.choices), (Some(seed), choices));
        prop_assert_eq!(chat.sampling.stop, stop);
    }

    #[test]
    fn streams_and_whole_chats_say_the_same(parts in vec((0_usize..2, any_part()), 0..20)) {
        let mut out = Vec::new();
        let mut stream = ChatStream::begin(&head(), options(2, true), &mut out);
        let mut whole = WholeAnswer::new(head(), 2);
        for (choice, part) in &parts {
            stream.part(*choice, part, &mut out);
            whole.part(*choice, part);
        }
        for choice in [1, 0] {
            stream.finish(choice, &finish(FinishReason::Stop, 3), &mut out);
            whole.finish(choice, finish(FinishReason::Stop, 3));
        }
        stream.end(&mut out);
        let events = data(&out);
        let body: Value = serde_json::from_slice(&whole.chat_body().expect("complete")).expect("JSON");
        let message = &body["choices"][1]["message"];
        prop_assert_eq!(joined(&events, "content"), message["content"].as_str().unwrap_or(""));
        let reasoning = message["reasoning_content"].as_str().unwrap_or("");
        prop_assert_eq!(joined(&events, "reasoning_content"), reasoning);
        prop_assert_eq!(&events[events.len() - 2]["usage"], &body["usage"]);
    }

    #[test]
    fn all_streams_are_events(parts in vec((0_usize..3, any_part()), 0..20)) {
        let mut begun = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
        let mut streams: [Box<dyn AnswerStream>; 4] = [
            Box::new(ChatStream::begin(&head(), options(2, false), &mut begun[0])),
            Box::new(CompletionStream::begin(&head(), options(2, false))),
            Box::new(ResponseStream::begin(head(), Map::new(), &mut begun[2])),
            Box::new(MessageStream::begin(&head(), &mut begun[3])),
        ];
        for (stream, out) in streams.iter_mut().zip(&mut begun) {
            for (choice, part) in &parts {
                stream.part(*choice, part, out);
            }
            for choice in 0..2 {
                stream.finish(choice, &finish(FinishReason::Length, 3), out);
            }
            stream.end(out);
            assert!(!data(out).is_empty());
        }
    }
}

proptest! {
    /// Whatever a WAV file has, its parts follow each other from its start to its end.
    #[test]
    fn recordings_are_read_or_refused(
        format in vec(any::<u8>(), 0..40),
        known in prop_oneof![Just([1u16, 16]), Just([1, 8]), Just([3, 32])],
        rate in prop_oneof![Just(8_000u32), Just(22_050), any::<u32>()],
        channels in 0u16..10,
        data in vec(any::<u8>(), 0..4000),
        seconds in 0.001..1.0,
        is_random in proptest::bool::weighted(0.125),
    ) {
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        let [tag, bits] = known;
        let head = [&tag.to_le_bytes()[..], &channels.to_le_bytes(), &rate.to_le_bytes(), &[0; 6]];
        file.extend(head.concat());
        file.extend(bits.to_le_bytes());
        file.extend(b"data\xff\xff\0\0");
        file.extend(&data);
        if is_random {
            file.splice(12.., format);
        }
        if let Ok(recording) = Recording::read(&file, "file") {
            let parts = recording.parts(seconds);
            for part in &parts {
                let samples = recording.samples(part);
                prop_assert!(part.end - part.start <= seconds + 1.0 / 8_000.0);
                prop_assert!(samples.iter().all(|sample| sample.abs() < 4.0));
            }
            prop_assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
            prop_assert_eq!(parts.first().map(|part| part.start), Some(0.0));
            prop_assert_eq!(parts.last().map(|part| part.end), Some(recording.seconds()));
        }
    }
}
