package main

import (
	"bytes"
	"strconv"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// expfmtAnswer is what the Go library's text parser (promtool, Pushgateway, Telegraf) says of a text.
type expfmtAnswer struct {
	Error   string         `json:"error"`
	Samples []expfmtSample `json:"samples"`
}

type expfmtSample struct {
	Labels []string `json:"labels"`
	Value  string   `json:"value"`
}

func readExpfmt(text []byte) *expfmtAnswer {
	a := &expfmtAnswer{Samples: []expfmtSample{}}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		a.Error = err.Error()
		return a
	}
	for name, family := range families {
		for _, metric := range family.Metric {
			a.add(name, family.GetType(), metric)
		}
	}
	return a
}

func (a *expfmtAnswer) add(name string, typ dto.MetricType, m *dto.Metric) {
	put := func(name string, value float64, extra ...string) {
		s := expfmtSample{Labels: []string{model.MetricNameLabel, name}, Value: strconv.FormatFloat(value, 'g', -1, 64)}
		for _, l := range m.Label {
			if l.GetValue() != "" {
				s.Labels = append(s.Labels, l.GetName(), l.GetValue())
			}
		}
		s.Labels = append(s.Labels, extra...)
		a.Samples = append(a.Samples, s)
	}
	switch {
	case m.Counter != nil:
		put(name, m.Counter.GetValue())
	case m.Gauge != nil:
		put(name, m.Gauge.GetValue())
	case m.Untyped != nil:
		put(name, m.Untyped.GetValue())
	case m.Summary != nil:
		for _, q := range m.Summary.Quantile {
			put(name, q.GetValue(), model.QuantileLabel, labels.FormatOpenMetricsFloat(q.GetQuantile()))
		}
		if m.Summary.SampleSum != nil {
			put(name+"_sum", m.Summary.GetSampleSum())
		}
		if m.Summary.SampleCount != nil {
			put(name+"_count", float64(m.Summary.GetSampleCount()))
		}
	case m.Histogram != nil:
		for _, b := range m.Histogram.Bucket {
			count := float64(b.GetCumulativeCount())
			if b.CumulativeCountFloat != nil {
				count = b.GetCumulativeCountFloat()
			}
			put(name+"_bucket", count, model.BucketLabel, labels.FormatOpenMetricsFloat(b.GetUpperBound()))
		}
		if m.Histogram.SampleSum != nil {
			put(name+"_sum", m.Histogram.GetSampleSum())
		}
		if m.Histogram.SampleCountFloat != nil {
			put(name+"_count", m.Histogram.GetSampleCountFloat())
		} else if m.Histogram.SampleCount != nil {
			put(name+"_count", float64(m.Histogram.GetSampleCount()))
		}
	}
}
