package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// stored is what a query would find of one series.
type stored struct {
	Labels []string `json:"labels"` // name, value, name, value, …
	Value  string   `json:"value"`
	// Milliseconds, null where it is the scrape's time. A string, for JavaScript's numbers end before int64's.
	Timestamp *string `json:"timestamp"`
	// Some samples of it have a timestamp and some do not.
	Mixed bool `json:"mixed,omitempty"`
	// Some sample of it has a label name twice, of which the builder left one.
	Repeated bool `json:"repeated,omitempty"`
}

type series struct {
	stored
	at    int64
	order int
}

// head is what the scrape loop and the head of the database make of the samples of one scrape.
type head struct {
	target     labels.Labels
	time       int64
	scraped    map[string]bool
	series     map[string]*series
	duplicates int
}

func newHead(r request) *head {
	b := labels.NewScratchBuilder(len(r.Target))
	for _, l := range r.Target {
		b.Add(l[0], l[1])
	}
	b.Sort()
	return &head{target: b.Labels(), time: r.Time, scraped: map[string]bool{}, series: map[string]*series{}}
}

// append follows scrapeLoopAppender.append (scrape/scrape.go) with honor_timestamps, and says why the scrape is refused for the sample.
func (h *head) append(s sample) error {
	lset := h.mutate(s.labels)
	_, repeated := s.labels.HasDuplicateLabelNames()
	if !lset.Has(model.MetricNameLabel) {
		return errors.New("missing metric name (__name__ label)")
	}
	if !lset.IsValid(model.UTF8Validation) {
		return fmt.Errorf("invalid metric name or label names: %s", lset)
	}
	// headAppenderBase.getOrCreate (tsdb/head_append.go).
	lset = lset.WithoutEmpty()
	if name, dup := lset.HasDuplicateLabelNames(); dup {
		return fmt.Errorf("label name %q is not unique", name)
	}
	at := h.time
	if s.ts != nil {
		at = *s.ts
	}
	known := h.series[lset.String()]
	if known != nil {
		known.Mixed = known.Mixed || (known.Timestamp == nil) != (s.ts == nil)
		known.Repeated = known.Repeated || repeated
	}
	// A series that was scraped already, spelled the same way, is a duplicate unless it brings a timestamp.
	if h.scraped[s.raw] && s.ts == nil {
		h.duplicates++
		return nil
	}
	h.scraped[s.raw] = true
	if known == nil {
		known = &series{order: len(h.series), stored: stored{Repeated: repeated}}
		lset.Range(func(l labels.Label) { known.Labels = append(known.Labels, l.Name, l.Value) })
		h.series[lset.String()] = known
	} else {
		h.duplicates++
		// memSeries.appendable, asked at the commit: older ones are out of order, of two at one time the first stays.
		if at <= known.at {
			return nil
		}
	}
	known.Value, known.at, known.Timestamp = strconv.FormatFloat(s.value, 'g', -1, 64), at, nil
	if s.ts != nil {
		text := strconv.FormatInt(*s.ts, 10)
		known.Timestamp = &text
	}
	return nil
}

// mutate is mutateSampleLabels (scrape/scrape.go) without honor_labels and relabelling: the target's labels win, what the sample says in
// their place is renamed. The builder takes empty labels out.
func (h *head) mutate(lset labels.Labels) labels.Labels {
	b := labels.NewBuilder(lset)
	var conflicting []labels.Label
	h.target.Range(func(l labels.Label) {
		if existing := lset.Get(l.Name); existing != "" {
			conflicting = append(conflicting, labels.Label{Name: l.Name, Value: existing})
		}
		b.Set(l.Name, l.Value)
	})
	slices.SortStableFunc(conflicting, func(a, b labels.Label) int { return len(a.Name) - len(b.Name) })
	for _, l := range conflicting {
		name := model.ExportedLabelPrefix + l.Name
		for b.Get(name) != "" {
			name = model.ExportedLabelPrefix + name
		}
		b.Set(name, l.Value)
	}
	return b.Labels()
}

func (h *head) stored() []stored {
	all := make([]stored, len(h.series))
	for _, s := range h.series {
		all[s.order] = s.stored
	}
	return all
}
