{{- define "hookgate.name" -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "hookgate.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "hookgate.labels" -}}
{{ include "hookgate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "hookgate.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- /* A value as TOML. Helm's numbers are all floats: whole ones are printed as integers, as the gateway wants them. */ -}}
{{- define "hookgate.toml" -}}
{{- if kindIs "map" . -}}
{ {{ $first := true }}{{ range $key, $value := . }}{{ if not (kindIs "invalid" $value) }}{{ if not $first }}, {{ end }}{{ $first = false }}{{ toJson $key }} = {{ include "hookgate.toml" $value }}{{ end }}{{ end }} }
{{- else if kindIs "slice" . -}}
[{{ range $index, $value := . }}{{ if $index }}, {{ end }}{{ include "hookgate.toml" $value }}{{ end }}]
{{- else if kindIs "float64" . -}}
{{ if eq (floor .) . }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- else -}}
{{ toJson . }}
{{- end -}}
{{- end }}

{{- define "hookgate.check" -}}
{{- if and (gt (int .Values.replicas) 1) (not .Values.redis) -}}
{{ fail "replicas: several gateways need a Redis: set redis=true, and existingSecret with store_url" }}
{{- end -}}
{{- if and .Values.redis (not .Values.existingSecret) -}}
{{ fail "existingSecret: with a Redis, name a Secret with store_url, operator_key and sealing_keys: all gateways need the same keys" }}
{{- end -}}
{{- end }}
