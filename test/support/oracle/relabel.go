package main

import (
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"go.yaml.in/yaml/v2"
)

// relabelRequest asks what rules make of label sets, by Prometheus' model/relabel.
type relabelRequest struct {
	// As in Prometheus' file, metric_relabel_configs' value.
	Rules  string        `json:"rules"`
	Series [][][2]string `json:"series"`
	// Texts whose case is asked for.
	Cases []string `json:"cases"`
}

type relabelAnswer struct {
	// Why the rules are refused, "" where they are not.
	Refused string `json:"refused"`
	// What became of each series, null where it was dropped.
	Series [][][2]string `json:"series"`
	Upper  []string      `json:"upper"`
	Lower  []string      `json:"lower"`
}

func relabelTo(r relabelRequest) relabelAnswer {
	a := relabelAnswer{Series: [][][2]string{}}
	for _, text := range r.Cases {
		a.Upper = append(a.Upper, strings.ToUpper(text))
		a.Lower = append(a.Lower, strings.ToLower(text))
	}
	var rules []*relabel.Config
	if err := yaml.UnmarshalStrict([]byte(r.Rules), &rules); err != nil {
		a.Refused = err.Error()
		return a
	}
	for _, rule := range rules {
		if err := rule.Validate(model.UTF8Validation); err != nil {
			a.Refused = err.Error()
			return a
		}
	}
	for _, series := range r.Series {
		builder := labels.NewScratchBuilder(len(series))
		for _, label := range series {
			if label[1] != "" {
				builder.Add(label[0], label[1])
			}
		}
		builder.Sort()
		b := labels.NewBuilder(builder.Labels())
		if !relabel.ProcessBuilder(b, rules...) {
			a.Series = append(a.Series, nil)
			continue
		}
		after := [][2]string{}
		b.Labels().Range(func(l labels.Label) { after = append(after, [2]string{l.Name, l.Value}) })
		a.Series = append(a.Series, after)
	}
	return a
}
