package deploy

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/otelgram/otelgram/udp"
)

// workload is what starts pods.
type workload struct {
	manifest
	selector    *metav1.LabelSelector // nil for a pod
	labels      map[string]string
	annotations map[string]string
	spec        corev1.PodSpec
}

func (w workload) containers() []corev1.Container {
	return slices.Concat(w.spec.InitContainers, w.spec.Containers)
}

func workloads(t *testing.T) (all []workload) {
	t.Helper()
	for _, m := range manifests(t) {
		switch o := m.object.(type) {
		case *appsv1.DaemonSet:
			all = append(all, workload{m, o.Spec.Selector, o.Spec.Template.Labels, o.Spec.Template.Annotations, o.Spec.Template.Spec})
		case *appsv1.Deployment:
			all = append(all, workload{m, o.Spec.Selector, o.Spec.Template.Labels, o.Spec.Template.Annotations, o.Spec.Template.Spec})
		case *corev1.Pod:
			all = append(all, workload{m, nil, o.Labels, o.Annotations, o.Spec})
		}
	}
	require.NotEmpty(t, all)
	return all
}

// selected returns the workloads whose pods a selector matches: it must be one at least.
func selected(t *testing.T, by manifest, selector *metav1.LabelSelector) (found []workload) {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	require.NoError(t, err)
	for _, w := range workloads(t) {
		if s.Matches(labels.Set(w.labels)) {
			found = append(found, w)
		}
	}
	assert.NotEmpty(t, found, "%s selects no pods", by)
	return found
}

// listens reports whether a container has a port, by number or by name.
func (w workload) listens(port intstr.IntOrString, protocol corev1.Protocol) bool {
	return slices.ContainsFunc(w.containers(), func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool {
			return p.Protocol == protocol && (p.ContainerPort == port.IntVal || p.Name == port.StrVal && p.Name != "")
		})
	})
}

func TestWorkloadsSelectTheirPods(t *testing.T) {
	for _, w := range workloads(t) {
		if w.selector != nil {
			found := selected(t, w.manifest, w.selector)
			require.Len(t, found, 1, "%s", w)
			assert.Equal(t, w.object.GetName(), found[0].object.GetName())
		}
	}
}

// TestPods checks what pods name that is not in them.
func TestPods(t *testing.T) {
	accounts := []string{""}
	for _, m := range manifests(t) {
		if account, ok := m.object.(*corev1.ServiceAccount); ok {
			accounts = append(accounts, account.Name)
		}
	}
	for _, w := range workloads(t) {
		assert.Contains(t, accounts, w.spec.ServiceAccountName, "%s", w)
		if port := w.annotations["prometheus.io/port"]; port != "" {
			number, err := strconv.ParseInt(port, 10, 32)
			require.NoError(t, err, "%s", w)
			assert.True(t, w.listens(intstr.FromInt32(int32(number)), corev1.ProtocolTCP), "%s: %s", w, port)
		}
	}
}

func TestServices(t *testing.T) {
	seen := 0
	for _, m := range manifests(t) {
		service, ok := m.object.(*corev1.Service)
		if !ok {
			continue
		}
		seen++
		for _, w := range selected(t, m, &metav1.LabelSelector{MatchLabels: service.Spec.Selector}) {
			for _, p := range service.Spec.Ports {
				assert.True(t, w.listens(p.TargetPort, p.Protocol), "%s: port %s: %s does not listen there", m, p.Name, w)
			}
		}
	}
	assert.Equal(t, 1, seen)
}

func TestNetworkPolicies(t *testing.T) {
	seen := 0
	for _, m := range manifests(t) {
		policy, ok := m.object.(*networkingv1.NetworkPolicy)
		if !ok {
			continue
		}
		seen++
		for _, w := range selected(t, m, &policy.Spec.PodSelector) {
			for _, c := range w.containers() {
				for _, p := range c.Ports {
					assert.Equal(t, p.Name != "health", slices.ContainsFunc(policy.Spec.Ingress, func(rule networkingv1.NetworkPolicyIngressRule) bool {
						return slices.ContainsFunc(rule.Ports, func(allowed networkingv1.NetworkPolicyPort) bool {
							return *allowed.Protocol == p.Protocol && allowed.Port.IntVal == p.ContainerPort
						})
					}), "%s: who may use %s of %s, but for probes?", m, p.Name, w)
				}
			}
			for _, rule := range policy.Spec.Ingress {
				assert.NotEmpty(t, rule.From, "%s: everybody may", m)
				for _, p := range rule.Ports {
					assert.True(t, w.listens(*p.Port, *p.Protocol), "%s: %s does not listen on %s", m, w, p.Port)
				}
			}
		}
	}
	assert.Equal(t, 1, seen)
}

func TestAutoscaling(t *testing.T) {
	seen := 0
	for _, m := range manifests(t) {
		switch o := m.object.(type) {
		case *autoscalingv2.HorizontalPodAutoscaler:
			seen++
			target := o.Spec.ScaleTargetRef
			assert.True(t, slices.ContainsFunc(workloads(t), func(w workload) bool {
				d, ok := w.object.(*appsv1.Deployment)
				return ok && d.Name == target.Name && d.Kind == target.Kind && d.APIVersion == target.APIVersion && d.Spec.Replicas == nil
			}), "%s: its target does not exist, or says how many replicas it has", m)
			assert.Greater(t, *o.Spec.MinReplicas, int32(1), "%s: else a disruption budget of one allows an outage", m)
			assert.Greater(t, o.Spec.MaxReplicas, *o.Spec.MinReplicas)
		case *policyv1.PodDisruptionBudget:
			seen++
			selected(t, m, o.Spec.Selector)
			assert.Equal(t, 1, o.Spec.MaxUnavailable.IntValue(), "%s", m)
		}
	}
	assert.Equal(t, 2, seen)
}

// TestHostPort checks the one workload with a host port: two of its pods cannot be on a node.
func TestHostPort(t *testing.T) {
	seen := 0
	for _, w := range workloads(t) {
		for _, c := range w.containers() {
			for _, p := range c.Ports {
				if p.HostPort == 0 {
					continue
				}
				seen++
				assert.Equal(t, corev1.ProtocolUDP, p.Protocol)
				rolling := w.object.(*appsv1.DaemonSet).Spec.UpdateStrategy.RollingUpdate
				assert.Zero(t, rolling.MaxSurge.IntValue(), "%s", w)
				assert.NotEqual(t, intstr.FromInt32(0), *rolling.MaxUnavailable, "%s", w)
				assert.False(t, w.spec.HostNetwork)
			}
		}
	}
	assert.Equal(t, 1, seen)
}

// TestContainers checks what belongs to each container.
func TestContainers(t *testing.T) {
	privileged := 0
	for _, w := range workloads(t) {
		var volumes []string
		for _, v := range w.spec.Volumes {
			volumes = append(volumes, v.Name)
		}
		for _, c := range w.containers() {
			where := fmt.Sprintf("%s: container %s", w, c.Name)
			for _, v := range c.VolumeMounts {
				assert.Contains(t, volumes, v.Name, where)
			}
			for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
				if probe != nil {
					assert.True(t, workload{spec: corev1.PodSpec{Containers: []corev1.Container{c}}}.listens(probe.HTTPGet.Port, corev1.ProtocolTCP), "%s: no port %s for a probe", where, probe.HTTPGet.Port.String())
				}
			}
			assert.False(t, c.Resources.Requests.Memory().IsZero(), where)
			assert.False(t, c.Resources.Limits.Memory().IsZero(), where)
			assert.LessOrEqual(t, c.Resources.Requests.Memory().Value(), c.Resources.Limits.Memory().Value(), where)

			require.NotNil(t, c.SecurityContext, where)
			if p := c.SecurityContext.Privileged; p != nil && *p {
				assert.Equal(t, "rmem-max", c.Name, where)
				assert.True(t, w.spec.HostNetwork, "%s: cannot write net.core.rmem_max from another network namespace", where)
				privileged++
				continue
			}
			assert.False(t, *c.SecurityContext.AllowPrivilegeEscalation, where)
			assert.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, where)
			assert.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop, where)
		}
	}
	assert.Equal(t, 1, privileged)
}

// TestVariables checks that $(NAME) in a value is the variable of a name that stands before it,
// and that the endpoints are ones that the exporter takes.
func TestVariables(t *testing.T) {
	reference := regexp.MustCompile(`\$\(([^)]*)\)`)
	const endpoint = "OTEL_EXPORTER_OTELGRAM_ENDPOINT"
	var endpoints []string
	for _, w := range workloads(t) {
		for _, c := range w.containers() {
			var before []string
			for _, v := range c.Env {
				for _, r := range reference.FindAllStringSubmatch(v.Value, -1) {
					assert.Contains(t, before, r[1], "%s: %s: %s", w, c.Name, v.Name)
				}
				before = append(before, v.Name)
				if v.Name == endpoint {
					endpoints = append(endpoints, v.Value)
				}
			}
		}
	}
	require.Equal(t, []string{"$(NODE_IP):4319", "unixgram:///run/otelgram/sock"}, endpoints)
	for _, e := range endpoints {
		assert.NoError(t, udp.ValidateAddress(strings.ReplaceAll(e, "$(NODE_IP)", "10.0.0.7")))
	}

	// What the comment and the README say of IPv6.
	text, err := os.ReadFile("examples/sender.yaml")
	require.NoError(t, err)
	assert.Contains(t, string(text), `value: "[$(NODE_IP)]:4319"`)
	assert.NoError(t, udp.ValidateAddress("[fd00::7]:4319"))
	assert.Error(t, udp.ValidateAddress("fd00::7:4319"))
	assert.Error(t, udp.ValidateAddress("[10.0.0.7]:4319"))
}

// TestCollectors checks containers against the configuration that they are given.
func TestCollectors(t *testing.T) {
	configs := configFiles(t)
	seen := 0
	for _, w := range workloads(t) {
		for _, v := range w.spec.Volumes {
			if v.ConfigMap == nil {
				continue
			}
			text, err := os.ReadFile(configs[v.ConfigMap.Name])
			require.NoError(t, err)
			for _, c := range w.containers() {
				if c.Image == "otelcol-otelgram" {
					seen++
					checkCollector(t, fmt.Sprintf("%s: %s", w, c.Name), string(text), c)
				}
			}
		}
	}
	assert.Equal(t, 3, seen)
}

func checkCollector(t *testing.T, where, config string, c corev1.Container) {
	t.Helper()
	assert.Contains(t, c.Args, "--config=/etc/otelcol-otelgram/config.yaml", where)
	for _, v := range c.Env {
		if strings.HasPrefix(v.Name, "OTELGRAM_") {
			assert.Contains(t, config, "${env:"+v.Name, "%s: the configuration does not know the variable", where)
		}
	}
	for _, p := range c.Ports {
		assert.Regexp(t, fmt.Sprintf(`(?m)(endpoint: .*:|port: )%d$`, p.ContainerPort), config, "%s: port %s", where, p.Name)
	}

	match := regexp.MustCompile(`\n +limit_mib: (\d+) `).FindStringSubmatch(config)
	require.NotNil(t, match, where)
	limit, err := strconv.ParseInt(match[1], 10, 64)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, c.Resources.Limits.Memory().Value()>>20, limit+100, "%s: the memory limiter comes too late", where)
	assert.Contains(t, c.Env, corev1.EnvVar{Name: "GOMEMLIMIT", Value: fmt.Sprintf("%dMiB", limit*7/10)}, where)
}
