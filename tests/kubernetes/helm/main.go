// Renders a chart with Helm's own packages, many times in one process.
//
// Reads {"chart": FOLDER, "namespace": NAME, "release": NAME, "lint": BOOL, "values": [YAML, ...]} and writes a
// JSON list with {"manifests": {FILE: TEXT}, "error": TEXT, "lint": [TEXT, ...]} for each of the
// values: what `helm template` prints, and what `helm lint` finds.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
)

type question struct {
	Chart     string   `json:"chart"`
	Namespace string   `json:"namespace"`
	Release   string   `json:"release"`
	Values    []string `json:"values"`
	Lint      bool     `json:"lint"`
}

type answer struct {
	Manifests map[string]string `json:"manifests"`
	Error     string            `json:"error"`
	Lint      []string          `json:"lint"`
}

func main() {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fail(err)
	}
	answers := make([]answer, 0, len(asked.Values))
	for _, text := range asked.Values {
		answers = append(answers, render(asked, text))
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func render(asked question, text string) answer {
	values, err := loader.LoadValues(strings.NewReader(text))
	if err != nil {
		return answer{Error: err.Error()}
	}
	// Rendering changes a chart, so each one is read again.
	loaded, err := loader.Load(asked.Chart)
	if err != nil {
		return answer{Error: err.Error()}
	}
	manifests, err := manifestsOf(asked, loaded, values)
	if err != nil {
		return answer{Error: err.Error()}
	}
	done := answer{Manifests: manifests}
	if asked.Lint {
		for _, message := range lint.RunAll(asked.Chart, values, asked.Namespace).Messages {
			if message.Severity >= support.WarningSev {
				done.Lint = append(done.Lint, message.Error())
			}
		}
	}
	return done
}

func manifestsOf(asked question, loaded *chart.Chart, values map[string]any) (map[string]string, error) {
	release := common.ReleaseOptions{
		Name: asked.Release, Namespace: asked.Namespace, Revision: 1, IsInstall: true,
	}
	all, err := util.ToRenderValues(loaded, values, release, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	return engine.Render(loaded, all)
}
