import struct
from itertools import pairwise

import google_crc32c
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.shards.records import files, frame, image_example

SHA = "ab" * 32


def example_class():
    """`tf.train.Example` from its published fields: the reference that ours is read with."""
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="t", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto

    def message(name, *fields):
        added = file.message_type.add(name=name)
        for number, label, kind, field, of in fields:
            added.field.add(number=number, name=field, label=label, type=kind, type_name=of)
        return added

    one, many = kinds.LABEL_OPTIONAL, kinds.LABEL_REPEATED
    message("BytesList", (1, many, kinds.TYPE_BYTES, "value", None))
    message(
        "Feature",
        (1, one, kinds.TYPE_MESSAGE, "bytes_list", ".t.BytesList"),
    )
    features = message(
        "Features", (1, many, kinds.TYPE_MESSAGE, "feature", ".t.Features.FeatureEntry")
    )
    pair = features.nested_type.add(name="FeatureEntry")
    pair.field.add(number=1, name="key", label=one, type=kinds.TYPE_STRING)
    pair.field.add(
        number=2, name="value", label=one, type=kinds.TYPE_MESSAGE, type_name=".t.Feature"
    )
    pair.options.map_entry = True
    message("Example", (1, one, kinds.TYPE_MESSAGE, "features", ".t.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Example"))


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_an_example_reads_back_by_the_published_definition(encoded):
    feature = example_class().FromString(image_example(encoded, SHA)).features.feature
    assert feature["image/encoded"].bytes_list.value == [encoded]
    assert feature["image/sha256"].bytes_list.value == [SHA.encode()]
    assert len(feature) == 2


def test_a_record_is_framed_by_length_and_masked_checksums():
    data = frame([b"abc"])
    assert data[:8] == struct.pack("<Q", 3)
    assert data[12:15] == b"abc"
    (masked,) = struct.unpack("<I", data[15:])
    rotated = (masked - 0xA282EAD8) & 0xFFFFFFFF
    assert (rotated << 15 | rotated >> 17) & 0xFFFFFFFF == google_crc32c.value(b"abc")


def test_no_records_make_an_empty_file():
    assert frame([]) == b""
    assert list(files([], 100)) == []


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(1, 200))
def test_no_file_is_larger_than_the_limit_but_for_a_record_alone(records, limit):
    filled = list(files(enumerate(records), limit))
    assert [place for inside, _ in filled for place in inside] == list(range(len(records)))
    for inside, data in filled:
        assert data == frame([records[place] for place in inside])
        assert len(data) <= limit or len(inside) == 1
    for (_, data), (after, _) in pairwise(filled):
        assert len(data) + len(frame([records[after[0]]])) > limit


@pytest.mark.tf
@pytest.mark.filterwarnings("ignore")
def test_tensorflow_reads_what_we_write(tmp_path):
    import tensorflow as tf

    records = [(bytes([n]) * 200 * (n + 1), f"{n:064x}") for n in range(20)]
    path = tmp_path / "x.tfrecord"
    path.write_bytes(frame([image_example(*record) for record in records]))
    wanted = {
        "image/encoded": tf.io.FixedLenFeature([], tf.string),
        "image/sha256": tf.io.FixedLenFeature([], tf.string),
    }
    read = tf.data.TFRecordDataset(str(path)).map(lambda r: tf.io.parse_single_example(r, wanted))
    found = [tuple(record[name].numpy() for name in wanted) for record in read]
    assert found == [(encoded, sha.encode()) for encoded, sha in records]


@pytest.mark.tf
@pytest.mark.filterwarnings("ignore")
def test_tensorflow_refuses_what_was_changed_after_us(tmp_path):
    import tensorflow as tf

    data = bytearray(frame([image_example(b"abc", SHA)]))
    data[-10] ^= 1
    (tmp_path / "x.tfrecord").write_bytes(data)
    with pytest.raises(tf.errors.DataLossError, match="corrupted record"):
        list(tf.data.TFRecordDataset(str(tmp_path / "x.tfrecord")))
