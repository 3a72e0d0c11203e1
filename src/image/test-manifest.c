/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/test.h"
#include "image/config.h"
#include "image/manifest.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OCI   "application/vnd.oci.image."

#define DESCRIPTOR(type, hex) \
	"{\"mediaType\":\"" type "\",\"digest\":\"sha256:" hex "\",\"size\":7}"
#define CONFIG "\"config\":" DESCRIPTOR(OCI "config.v1+json", HEX_A)

static int parse(const char *text, struct manifest *m, struct err *err)
{
	return manifest_parse(text, strlen(text), m, err);
}

static void refuse_manifest(const char *text, int code, const char *word)
{
	struct manifest m = MANIFEST_NULL;
	struct err err = ERR_NULL;

	test_int(parse(text, &m, &err), code);
	test_int(err.code, code);
	if (!strstr(err.text, word))
		test_fail("no '%s' in: %s", word, err.text);
	manifest_done(&m);
	manifest_done(&m);
}

static void manifests_are_read(void)
{
	struct manifest m = MANIFEST_NULL;

	test_int(parse("{\"schemaVersion\":2," CONFIG
		       ",\"layers\":[" DESCRIPTOR(OCI "layer.v1.tar+gzip", HEX_B) "," DESCRIPTOR(
			       OCI "layer.v1.tar", HEX_A) "]}",
		       &m, NULL),
		 0);
	test_str(m.config.digest.text, "sha256:" HEX_A);
	test_int(m.n, 2);
	test_str(m.layers[0].digest.text, "sha256:" HEX_B);
	test_int(m.layers[0].compression, COMPRESSION_ANY);
	test_int(m.layers[0].size, 7);
	test_int(m.layers[1].compression, COMPRESSION_NONE);
	manifest_done(&m);
	test_int(parse("{" CONFIG "}", &m, NULL), 0);
	test_int(m.n, 0);
	manifest_done(&m);
}

static void manifests_that_are_wrong_are_refused(void)
{
	refuse_manifest("", -EBADMSG, "JSON");
	refuse_manifest("[]", -EBADMSG, "not an object");
	refuse_manifest("{}", -EBADMSG, "names no configuration");
	refuse_manifest("{\"schemaVersion\":1}", -ENOTSUP, "schema version 1");
	refuse_manifest("{\"schemaVersion\":\"2\"}", -EBADMSG, "schemaVersion");
	refuse_manifest("{\"mediaType\":\"text/x\"}", -ENOTSUP, "text/x");
	refuse_manifest("{\"config\":" DESCRIPTOR("text/x", HEX_A) "}", -ENOTSUP, "text/x");
	refuse_manifest("{\"config\":{\"mediaType\":\"x\"}}", -EBADMSG, "no digest");
	refuse_manifest("{\"config\":{\"digest\":\"x\"}}", -EBADMSG, "no mediaType");
	refuse_manifest("{\"config\":{\"mediaType\":\"x\",\"digest\":\"sha256:../x\"}}", -EBADMSG,
			"../x");
	refuse_manifest("{\"config\":{\"mediaType\":\"x\",\"digest\":\"sha512:00\"}}", -ENOTSUP,
			"sha512");
	refuse_manifest("{\"config\":{\"mediaType\":\"x\",\"digest\":\"sha256:" HEX_A
			"\",\"size\":-1}}",
			-EBADMSG, "negative");
	refuse_manifest("{" CONFIG ",\"layers\":{}}", -EBADMSG, "layers");
	refuse_manifest("{" CONFIG ",\"layers\":[7]}", -EBADMSG, "not an object");
	refuse_manifest("{" CONFIG ",\"layers\":[" DESCRIPTOR("text/y", HEX_B) "]}", -ENOTSUP,
			"text/y");
}

static int pick(const char *text, const char *tag, struct blob_ref *ret, struct err *err)
{
	bool is_index = true;

	*ret = (struct blob_ref){.path = NULL};
	return manifest_pick(text, strlen(text), tag, "amd64", ret, &is_index, err);
}

#define ENTRY(hex, more)                                                                           \
	"{\"mediaType\":\"" OCI "manifest.v1+json\",\"digest\":\"sha256:" hex "\",\"size\":1" more \
	"}"
#define TAG(name)  ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"}"
#define ARCH(name) ",\"platform\":{\"os\":\"linux\",\"architecture\":\"" name "\"}"
#define INDEX(...) "{\"schemaVersion\":2,\"manifests\":[" __VA_ARGS__ "]}"

static void indexes_are_picked_from(void)
{
	const char *one = INDEX(ENTRY(HEX_A, "")),
		   *tags = INDEX(ENTRY(HEX_A, TAG("x")) "," ENTRY(HEX_B, TAG("y"))),
		   *archs = INDEX(ENTRY(HEX_A, ARCH("arm64")) "," ENTRY(HEX_B, ARCH("amd64")));
	struct blob_ref ref;

	test_int(pick(one, NULL, &ref, NULL), 0);
	test_str(digest_hex(&ref.digest), HEX_A);
	test_int(pick(one, "x", &ref, NULL), -ENOENT);
	test_int(pick(tags, "y", &ref, NULL), 0);
	test_str(digest_hex(&ref.digest), HEX_B);
	test_int(pick(tags, NULL, &ref, NULL), -EINVAL);
	test_int(pick(tags, "", &ref, NULL), 0);
	test_str(digest_hex(&ref.digest), HEX_A);
	test_int(pick(archs, NULL, &ref, NULL), 0);
	test_str(digest_hex(&ref.digest), HEX_B);
	test_int(pick(INDEX(ENTRY(HEX_A, ARCH("arm64"))), NULL, &ref, NULL), -ENOENT);
	test_int(pick(INDEX(), NULL, &ref, NULL), -ENOENT);
	test_int(pick("{}", NULL, &ref, NULL), -ENOENT);
	test_int(pick(INDEX("7"), NULL, &ref, NULL), -EBADMSG);
	test_int(pick(INDEX(DESCRIPTOR("text/z", HEX_A)), NULL, &ref, NULL), -ENOTSUP);
}

static int pick_docker(const char *text, const char *tag, struct manifest *m)
{
	return manifest_pick_docker(text, strlen(text), tag, m, NULL);
}

static void docker_archives_are_picked_from(void)
{
	const char *two = "[{\"Config\":\"" HEX_A ".json\",\"RepoTags\":[\"a:1\",\"b:2\"],"
			  "\"Layers\":[\"x/layer.tar\"]},"
			  "{\"Config\":\"blobs/sha256/" HEX_B "\",\"RepoTags\":[\"c:latest\"]}]";
	struct manifest m = MANIFEST_NULL;

	test_int(pick_docker(two, "b:2", &m), 0);
	test_str(m.config.digest.text, "sha256:" HEX_A);
	test_int(m.n, 1);
	test_str(m.layers[0].path, "x/layer.tar");
	test_str(m.layers[0].digest.text, "");
	manifest_done(&m);
	m = (struct manifest)MANIFEST_NULL;
	test_int(pick_docker(two, "docker.io/library/c", &m), 0);
	test_str(m.config.digest.text, "sha256:" HEX_B);
	manifest_done(&m);
	test_int(pick_docker(two, NULL, &m), -EINVAL);
	test_int(pick_docker(two, "c:1", &m), -ENOENT);
	test_int(pick_docker("[]", NULL, &m), -ENOENT);
	test_int(pick_docker("{}", NULL, &m), -EBADMSG);
	test_int(pick_docker("[7]", NULL, &m), -EBADMSG);
	test_int(pick_docker("[{}]", NULL, &m), -EBADMSG);
	/* A name that is no digest promises nothing. */
	m = (struct manifest)MANIFEST_NULL;
	test_int(pick_docker("[{\"Config\":\"config.json\"}]", NULL, &m), 0);
	test_str(m.config.digest.text, "");
	manifest_done(&m);
}

static int parse_config(const char *text, struct image_config *c, struct diff_ids *d)
{
	return config_parse(text, strlen(text), c, d, NULL);
}

static void configurations_are_read(void)
{
	struct image_config c = IMAGE_CONFIG_NULL;
	struct diff_ids d = DIFF_IDS_NULL;

	test_int(parse_config("{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{"
			      "\"Entrypoint\":[\"/a\",\"\"],\"Cmd\":\"one\",\"Env\":[\"A=b\"],"
			      "\"User\":\"u\",\"WorkingDir\":\"/w\",\"StopSignal\":\"9\"},"
			      "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX_A
			      "\"]}}",
			      &c, &d),
		 0);
	test_int(c.entrypoint.n, 2);
	test_str(c.entrypoint.v[1], "");
	test_str(c.cmd.v[0], "one");
	test_str(c.env.v[0], "A=b");
	test_str(c.user, "u");
	test_str(c.working_dir, "/w");
	test_int(c.stop_signal, 9);
	test_int(d.n, 1);
	test_str(d.v[0].text, "sha256:" HEX_A);
	image_config_done(&c);
	image_config_done(&c);
	diff_ids_done(&d);
}

static void configurations_may_say_little(void)
{
	struct image_config c = IMAGE_CONFIG_NULL;

	test_int(parse_config("{}", &c, NULL), 0);
	test_str(c.user, "");
	test_str(c.working_dir, "");
	test_str(c.os, "");
	test_int(c.stop_signal, SIGTERM);
	test_int(c.cmd.n, 0);
	image_config_done(&c);
}

static void configurations_that_are_wrong_are_refused(void)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{"{\"os\":\"windows\"}", -ENOTSUP},
		{"{\"os\":1}", -EBADMSG},
		{"{\"config\":[]}", -EBADMSG},
		{"{\"config\":{\"Cmd\":[null]}}", -EBADMSG},
		{"{\"config\":{\"Cmd\":{}}}", -EBADMSG},
		{"{\"config\":{\"User\":\"a\\u0000b\"}}", -EBADMSG},
		{"{\"config\":{\"StopSignal\":\"65\"}}", -EBADMSG},
		{"{}", -EBADMSG},
		{"{\"rootfs\":{\"type\":\"zip\"}}", -ENOTSUP},
		{"{\"rootfs\":{\"diff_ids\":[\"sha256:x\"]}}", -EBADMSG},
		{"{\"rootfs\":{\"diff_ids\":[\"blake3:x\"]}}", -ENOTSUP},
		{"{\"rootfs\":{}} x", -EBADMSG},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image_config c = IMAGE_CONFIG_NULL;
		struct diff_ids d = DIFF_IDS_NULL;
		int r = parse_config(cases[i].text, &c, &d);

		if (r != cases[i].code)
			test_fail("%s: %d", cases[i].text, r);
		image_config_done(&c);
		diff_ids_done(&d);
	}
}

static void sizes_are_added_up(void)
{
	struct blob_ref layers[2] = {{.size = 5}, {.size = 20}};
	struct manifest m = {.config = {.size = 7}, .layers = layers, .n = 2};
	uint64_t largest;

	test_int(manifest_size(&m, 32, &largest, NULL), 0);
	test_int(largest, 20);
	test_int(manifest_size(&m, 31, &largest, NULL), -EFBIG);
	layers[0].size = UINT64_MAX - 1;
	test_int(manifest_size(&m, 31, &largest, NULL), -EFBIG);
	test_int(manifest_size(&m, UINT64_MAX - 1, &largest, NULL), -EFBIG);
	layers[0].size = UINT64_MAX;
	test_int(manifest_size(&m, UINT64_MAX, &largest, NULL), -EBADMSG);
}

int main(void)
{
	test_run(sizes_are_added_up);
	test_run(manifests_are_read);
	test_run(manifests_that_are_wrong_are_refused);
	test_run(indexes_are_picked_from);
	test_run(docker_archives_are_picked_from);
	test_run(configurations_are_read);
	test_run(configurations_may_say_little);
	test_run(configurations_that_are_wrong_are_refused);
	return 0;
}
