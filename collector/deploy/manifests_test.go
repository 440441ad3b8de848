// Package deploy has no code, only manifests for Kubernetes. Its tests decode them strictly,
// with the types of Kubernetes itself, and check what one part of them says of another.
package deploy

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
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
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// kinds are the types of what the manifests hold, by apiVersion and kind.
var kinds = map[string]func() metav1.Object{
	"v1 Namespace":                           func() metav1.Object { return new(corev1.Namespace) },
	"v1 ServiceAccount":                      func() metav1.Object { return new(corev1.ServiceAccount) },
	"v1 Service":                             func() metav1.Object { return new(corev1.Service) },
	"v1 Pod":                                 func() metav1.Object { return new(corev1.Pod) },
	"apps/v1 DaemonSet":                      func() metav1.Object { return new(appsv1.DaemonSet) },
	"apps/v1 Deployment":                     func() metav1.Object { return new(appsv1.Deployment) },
	"autoscaling/v2 HorizontalPodAutoscaler": func() metav1.Object { return new(autoscalingv2.HorizontalPodAutoscaler) },
	"policy/v1 PodDisruptionBudget":          func() metav1.Object { return new(policyv1.PodDisruptionBudget) },
	"networking.k8s.io/v1 NetworkPolicy":     func() metav1.Object { return new(networkingv1.NetworkPolicy) },
}

// kustomization is what ours use of kustomize's type.
type kustomization struct {
	metav1.TypeMeta    `json:",inline"`
	Namespace          string   `json:"namespace,omitempty"`
	Resources          []string `json:"resources,omitempty"`
	ConfigMapGenerator []struct {
		Name  string   `json:"name"`
		Files []string `json:"files"`
	} `json:"configMapGenerator,omitempty"`
	Images []struct {
		Name    string `json:"name"`
		NewName string `json:"newName"`
		NewTag  string `json:"newTag"`
	} `json:"images,omitempty"`
}

// manifest is one object and the file that it is from.
type manifest struct {
	file   string
	object metav1.Object
}

func (m manifest) String() string {
	return fmt.Sprintf("%s: %T %s", m.file, m.object, m.object.GetName())
}

// decode reads one document. A key that the type does not have, one in another spelling and one
// that stands twice are errors.
func decode(document []byte, into any) error {
	data, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return err
	}
	strict, err := json.UnmarshalStrict(data, into)
	if err != nil {
		return err
	}
	if len(strict) > 0 {
		return strict[0]
	}
	return nil
}

// decodeObject reads one document of a kind that it names itself.
func decodeObject(document []byte) (metav1.Object, error) {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(document, &kind); err != nil {
		return nil, err
	}
	newObject, ok := kinds[kind.APIVersion+" "+kind.Kind]
	if !ok {
		return nil, fmt.Errorf("unknown kind %q in %q", kind.Kind, kind.APIVersion)
	}
	object := newObject()
	return object, decode(document, object)
}

func yamlFiles(t *testing.T) (files []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, _ fs.DirEntry, err error) error {
		if filepath.Ext(name) == ".yaml" {
			files = append(files, filepath.ToSlash(name))
		}
		return err
	})
	require.NoError(t, err)
	return files
}

// manifests returns all objects.
func manifests(t *testing.T) (all []manifest) {
	t.Helper()
	for _, name := range yamlFiles(t) {
		if path.Base(name) == "kustomization.yaml" {
			continue
		}
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		for document := range strings.SplitSeq(string(data), "\n---\n") {
			object, err := decodeObject([]byte(document))
			require.NoError(t, err, name)
			all = append(all, manifest{name, object})
		}
	}
	require.NotEmpty(t, all)
	return all
}

func readKustomization(t *testing.T, dir string) (k kustomization) {
	t.Helper()
	name := path.Join(dir, "kustomization.yaml")
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, decode(data, &k), name)
	assert.Equal(t, metav1.TypeMeta{APIVersion: "kustomize.config.k8s.io/v1beta1", Kind: "Kustomization"}, k.TypeMeta, name)
	return k
}

// TestManifestsDecode also shows that the decoder refuses what Kubernetes would ignore.
func TestManifestsDecode(t *testing.T) {
	for _, m := range manifests(t) {
		assert.NotEmpty(t, m.object.GetName(), m.file)
	}
	for _, bad := range []string{
		"apiVersion: v1\nkind: Service\nspec:\n  port: []\n",
		"apiVersion: v1\nkind: Service\nspec:\n  Ports: []\n",
		"apiVersion: v1\nkind: Service\nspec:\n  ports: []\n  ports: []\n",
		"apiVersion: v1\nkind: Service\nspec:\n  ports: 4319\n",
		"apiVersion: v2\nkind: Service\n",
		"apiVersion: v1\nkind: Secret\n",
	} {
		_, err := decodeObject([]byte(bad))
		assert.Error(t, err, bad)
	}
}

// TestKustomizations checks that each file belongs to a kustomization, that what
// kustomizations name exists, and that nothing is read from outside of their directory, which
// kustomize refuses.
func TestKustomizations(t *testing.T) {
	named := map[string]bool{}
	for _, name := range yamlFiles(t) {
		if path.Base(name) != "kustomization.yaml" {
			continue
		}
		dir := path.Dir(name)
		for _, resource := range readKustomization(t, dir).Resources {
			target := path.Join(dir, resource)
			info, err := os.Stat(target)
			if !assert.NoError(t, err, name) {
				continue
			}
			if info.IsDir() {
				readKustomization(t, target)
				continue
			}
			assert.NotContains(t, resource, "..", "%s: kustomize reads no file from there", name)
			named[target] = true
		}
	}
	for _, m := range manifests(t) {
		assert.True(t, named[m.file], "%s is in no kustomization", m.file)
	}
}

// TestImages checks that each image has a version, its own or that of a kustomization.
func TestImages(t *testing.T) {
	for _, w := range workloads(t) {
		set := map[string]bool{}
		for dir := path.Dir(w.file); ; dir = path.Dir(dir) {
			for _, image := range readKustomization(t, dir).Images {
				assert.NotEmpty(t, image.NewTag)
				assert.NotEqual(t, "latest", image.NewTag)
				set[image.Name] = true
			}
			if dir == "." {
				break
			}
		}
		for _, c := range w.containers() {
			_, tag, ok := strings.Cut(path.Base(c.Image), ":")
			if !ok {
				assert.True(t, set[c.Image], "%s: no kustomization sets the image of %s", w, c.Name)
				continue
			}
			assert.NotEqual(t, "latest", tag, "%s: %s", w, c.Name)
		}
	}
}

// TestConfigMaps checks that the ConfigMaps which pods mount are made, of files that exist.
func TestConfigMaps(t *testing.T) {
	configs := configFiles(t)
	used := map[string]bool{}
	for _, w := range workloads(t) {
		for _, v := range w.spec.Volumes {
			if v.ConfigMap != nil {
				assert.Contains(t, configs, v.ConfigMap.Name, "%s", w)
				used[v.ConfigMap.Name] = true
			}
		}
	}
	assert.Len(t, used, len(configs), "a ConfigMap is made and nobody uses it")
}

// configFiles returns the files that ConfigMaps are made of, by the name of the ConfigMap.
func configFiles(t *testing.T) map[string]string {
	t.Helper()
	const dir = "../config"
	files := map[string]string{}
	for _, generator := range readKustomization(t, dir).ConfigMapGenerator {
		require.Len(t, generator.Files, 1)
		key, file, ok := strings.Cut(generator.Files[0], "=")
		require.True(t, ok)
		assert.Equal(t, "config.yaml", key, "the pods' arguments name it")
		require.FileExists(t, path.Join(dir, file))
		files[generator.Name] = path.Join(dir, file)
	}
	require.NotEmpty(t, files)
	return files
}
