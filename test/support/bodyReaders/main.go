// What the Go readers say of bodies: Prometheus' own parser, with the scrape loop's rule about label names, and expfmt's text parser; and
// what the Go library makes of names and of Accept headers. One JSON value in, one out.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

type request struct {
	Bodies []struct {
		Body        string `json:"body"`
		ContentType string `json:"contentType"`
		Expfmt      bool   `json:"expfmt"`
	} `json:"bodies"`
	Names   []string `json:"names"`
	Accepts []string `json:"accepts"`
}

type verdict struct {
	Prometheus string `json:"prometheus"`
	// As Prometheus names them, in order.
	Samples   []sample          `json:"samples"`
	Types     map[string]string `json:"types"`
	Exemplars int               `json:"exemplars"`
	Expfmt    string            `json:"expfmt"`
	// Samples that expfmt holds afterwards, as lines would count them.
	ExpfmtSamples int `json:"expfmtSamples"`
}

type sample struct {
	Labels map[string]string `json:"labels"`
	Value  string            `json:"value"`
}

func main() {
	var r request
	if err := json.NewDecoder(os.Stdin).Decode(&r); err != nil {
		panic(err)
	}
	verdicts := []verdict{}
	for _, b := range r.Bodies {
		v := verdict{Samples: []sample{}, Types: map[string]string{}}
		if err := prometheus([]byte(b.Body), b.ContentType, &v); err != nil {
			v.Prometheus = err.Error()
		}
		if b.Expfmt {
			if n, err := readExpfmt(b.Body); err != nil {
				v.Expfmt = err.Error()
			} else {
				v.ExpfmtSamples = n
			}
		}
		verdicts = append(verdicts, v)
	}
	names := [][]string{}
	for _, n := range r.Names {
		names = append(names, []string{
			model.EscapeName(n, model.UnderscoreEscaping), model.EscapeName(n, model.DotsEscaping), model.EscapeName(n, model.ValueEncodingEscaping),
		})
	}
	accepts := []string{}
	formats := []expfmt.Format{expfmt.FmtOpenMetrics_1_0_0, expfmt.FmtOpenMetrics_0_0_1, expfmt.FmtText, expfmt.FmtText_1_0_0}
	for _, a := range r.Accepts {
		accepts = append(accepts, string(expfmt.NegotiateAccept(http.Header{"Accept": {a}}, formats...)))
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"verdicts": verdicts, "names": names, "accepts": accepts}); err != nil {
		panic(err)
	}
}

func prometheus(body []byte, contentType string, v *verdict) error {
	p, err := textparse.New(body, contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		return err
	}
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		switch entry {
		case textparse.EntryType:
			name, t := p.Type()
			if _, twice := v.Types[string(name)]; twice {
				return fmt.Errorf("TYPE of %s twice", name)
			}
			v.Types[string(name)] = string(t)
		case textparse.EntrySeries:
			_, _, value := p.Series()
			var l labels.Labels
			p.Labels(&l)
			if name, twice := l.HasDuplicateLabelNames(); twice {
				return fmt.Errorf("label %s twice", name)
			}
			if !l.IsValid(model.UTF8Validation) {
				return fmt.Errorf("invalid labels %s", l)
			}
			v.Samples = append(v.Samples, sample{l.Map(), strconv.FormatFloat(value, 'g', -1, 64)})
			var e exemplar.Exemplar
			for p.Exemplar(&e) {
				v.Exemplars++
			}
		}
	}
}

func readExpfmt(body string) (int, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err
	}
	samples := 0
	for _, f := range families {
		for _, m := range f.Metric {
			switch f.GetType() {
			case dto.MetricType_SUMMARY:
				samples += len(m.Summary.Quantile) + count(m.Summary.SampleCount != nil) + count(m.Summary.SampleSum != nil)
			case dto.MetricType_HISTOGRAM:
				h := m.Histogram
				samples += len(h.Bucket) + count(h.SampleCount != nil || h.SampleCountFloat != nil) + count(h.SampleSum != nil)
			default:
				samples++
			}
		}
	}
	return samples, nil
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}
