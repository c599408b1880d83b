// Command cyclonus-verdicts asks the simulation engine of cyclonus which connections policies
// allow: one case in JSON on each line of standard input, one list of verdicts on each line of
// standard output, in the order of the case's connections.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

type end struct {
	IP              string            `json:"ip"`
	Namespace       string            `json:"namespace"` // "" outside the cluster
	NamespaceLabels map[string]string `json:"namespaceLabels"`
	PodLabels       map[string]string `json:"podLabels"`
}

type connection struct {
	Source   end             `json:"source"`
	Target   end             `json:"target"`
	Port     int             `json:"port"`
	PortName string          `json:"portName"`
	Protocol corev1.Protocol `json:"protocol"`
}

type testCase struct {
	Policies    []*networkingv1.NetworkPolicy `json:"policies"`
	Connections []connection                  `json:"connections"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	answers := json.NewEncoder(out)
	for in.More() {
		var asked testCase
		if err := in.Decode(&asked); err != nil {
			return err
		}
		if err := answers.Encode(verdicts(&asked)); err != nil {
			return err
		}
	}
	return nil
}

func verdicts(asked *testCase) []bool {
	policy := matcher.BuildNetworkPolicies(false, asked.Policies)
	found := make([]bool, 0, len(asked.Connections))
	for _, each := range asked.Connections {
		found = append(found, policy.IsTrafficAllowed(&matcher.Traffic{
			Source:           peer(each.Source),
			Destination:      peer(each.Target),
			ResolvedPort:     each.Port,
			ResolvedPortName: each.PortName,
			Protocol:         each.Protocol,
		}).IsAllowed())
	}
	return found
}

func peer(from end) *matcher.TrafficPeer {
	if from.Namespace == "" {
		return &matcher.TrafficPeer{IP: from.IP}
	}
	return &matcher.TrafficPeer{IP: from.IP, Internal: &matcher.InternalPeer{
		PodLabels:       from.PodLabels,
		NamespaceLabels: from.NamespaceLabels,
		Namespace:       from.Namespace,
	}}
}
