//! One-line causes out of the long texts of TensorFlow; as `grps/backends/tensorflow/causes.py`.

const UNKNOWN_OPERATOR: &str = "Op type not registered '";
const NODE: &str = "{{node ";

/// What TensorFlow says, behind the name of the node that failed.
pub(super) fn cause_in(text: &str) -> String {
    if let Some((_, rest)) = text.split_once(UNKNOWN_OPERATOR) {
        let operator = rest.split('\'').next().unwrap_or_default();
        return format!(
            "the operator {operator} is not known to TensorFlow; name its library in inferer_args: \
             customized_op_paths"
        );
    }
    let mut lines = text.lines().map(|line| without_places(line).trim().to_owned());
    let said =
        lines.find(|line| !line.is_empty()).unwrap_or_else(|| "TensorFlow failed".to_owned());
    let node = text.split_once(NODE).and_then(|(_, rest)| rest.split_once("}}"));
    node.map_or_else(|| said.clone(), |(name, _)| format!("node {name}: {said}"))
}

/// A line without `{{function_node NAME}}` in front and `[[{{node NAME}}]]` behind.
fn without_places(line: &str) -> &str {
    let mut line = line.trim_start();
    while let Some(rest) = line.strip_prefix("{{") {
        line = rest.split_once("}}").map_or("", |(_, rest)| rest).trim_start();
    }
    line.split_once("[[").map_or(line, |(said, place)| {
        if place.starts_with("{{") || said.trim().is_empty() { said } else { line }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_stands_in_front_and_places_are_left_out() {
        let long = "{{function_node __inference_f_7}} {{function_node __inference_g_3}} Matrix \
                    size-incompatible: In[0]: [1,2], In[1]: [3,1]\n\t [[{{node MatMul}}]]\n\t \
                    [[StatefulPartitionedCall]]";
        let cause = "node MatMul: Matrix size-incompatible: In[0]: [1,2], In[1]: [3,1]";
        assert_eq!(cause_in(long), cause);
        assert_eq!(cause_in("Could not find meta graph def"), "Could not find meta graph def");
        let unknown = cause_in("Op type not registered 'Triple' in binary running on x");
        assert!(unknown.starts_with("the operator Triple is not known"), "{unknown}");
        assert_eq!(cause_in(""), "TensorFlow failed");
    }
}
