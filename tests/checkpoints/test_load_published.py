"""Every family through ``load_published``, against its authors' code."""

import pytest
import torch
from torch.nn import functional

from speechbrain_clap.checkpoints import load_published
from speechbrain_clap.lobes.projection import MLPProjection

TEXT = ("msclap_2022", "msclap_2023", "laion_clap_htsat_tiny_unfused")
LOADED = {}  # the model of the family at hand


@pytest.fixture
def loaded(golden):
    """``loaded(family)`` gives the golden file and the model, built once."""

    def _load(family):
        if family not in LOADED:
            LOADED.clear()  # one at a time, they are large
            LOADED[family] = load_published(family, golden(family).weights())
        return golden(family), LOADED[family]

    return _load


def prepared(wavs, preparation):
    """Waves as the golden case says, from the start of its text."""
    if "repeated and cut to" in preparation:
        samples = int(preparation.split("cut to ")[1].split()[0])
        times = -(-samples // wavs.shape[1])
        return wavs.repeat(1, times)[:, :samples]
    if "zeros up to" in preparation:
        samples = int(preparation.split("zeros up to ")[1].split(",")[0])
        wavs = wavs.repeat(1, samples // wavs.shape[1])
        return functional.pad(wavs, (0, samples - wavs.shape[1]))
    return wavs


@pytest.mark.parametrize(
    "family",
    ["msclap_2022", "msclap_2023", "laion_clap_htsat_tiny_unfused"]
    + ["htsat_audioset", "panns_cnn14"],
)
def test_sounds(loaded, family):
    """Embeddings and tags of the clip and of every other case."""
    case, model = loaded(family)
    assert model.report.strict and not model.training
    assert model.sample_rate == case.facts["sample_rate"]
    cases = {"": case.facts, **case.facts.get("more_cases", {})}
    for name, one in cases.items():
        if name == "short_infer_mode":
            continue  # repeats the spectrogram: see test_htsat_published.py
        wavs = prepared(case.waves(one), one.get("preparation", ""))
        outputs = one["outputs"]
        case.check("clipwise_output", model.classify(wavs), one)
        for embedding in ("audio_embedding", "embedding", "latent"):
            if embedding in outputs:
                case.check(embedding, model.encode_audio(wavs), one)
                break


@pytest.mark.parametrize("family", TEXT)
def test_texts(loaded, family):
    """Embeddings of tokens, and the similarity that they give."""
    case, model = loaded(family)
    tokens = case.facts["text_input"]
    text = model.encode_tokens(tokens["input_ids"], tokens["attention_mask"])
    case.check("text_embedding", text)
    # Padding is told from its id where no mask is given.
    again = model.encode_tokens(tokens["input_ids"])
    torch.testing.assert_close(again, text, atol=1e-5, rtol=1e-5)
    if "similarity_audio_by_text" in case.facts["outputs"]:
        audio = model.encode_audio(case.waves())
        ours = functional.normalize(audio) @ functional.normalize(text).T
        ours = ours * model.logit_scale.exp()
        wanted = case.wanted("similarity_audio_by_text")
        assert (ours - wanted).abs().max() <= 2e-6


@pytest.mark.parametrize("family", ["panns_cnn14", "msclap_2022"])
@torch.no_grad()
def test_inside_cnn14(loaded, family):
    """Stage by stage, from the spectrogram to the embedding."""
    case, model = loaded(family)
    net = model.net
    net = net if family == "panns_cnn14" else net.audio_encoder
    maps = {}
    hooks = [
        getattr(net, name).register_forward_hook(
            lambda _, __, output, name=name: maps.update({name: output})
        )
        for name in ("norm0", "conv_block1", "conv_block4", "conv_block6")
    ]
    wavs = case.waves()
    pooled = net.pool(wavs)
    for hook in hooks:
        hook.remove()
    log_mel = net.features(wavs)
    if family == "panns_cnn14":
        case.check("log_mel", log_mel[:, ::6, ::3])
        case.check("conv_block1", maps["conv_block1"][:, ::8, ::16, ::8])
        case.check("conv_block4", maps["conv_block4"][:, ::32, ::2])
        case.check("conv_block6", maps["conv_block6"][:, ::64])
        case.check("pooled", pooled)
        logits = net.classify(wavs)
        case.check("logits", logits)
        case.check("mel_matrix", net.features.mel_matrix[::9])
        return
    case.check("logmel_item0_first64frames", log_mel[0, :64])
    norm = maps["norm0"][0, :, :8, 0].T
    case.check("bn0_item0_first8frames", norm)
    for block in (1, 6):
        mean = maps[f"conv_block{block}"].mean((2, 3))
        case.check(f"block{block}_mean_over_time_and_frequency", mean)
    case.check("latent", net(wavs))


@pytest.mark.parametrize("family", ["msclap_2022", "msclap_2023"])
@torch.no_grad()
def test_inside_the_language_model(loaded, family):
    """Hidden states of the tokens."""
    case, model = loaded(family)
    tokens = case.facts["text_input"]
    hidden = model.net.text_encoder.model(
        input_ids=torch.tensor(tokens["input_ids"]),
        attention_mask=torch.tensor(tokens["attention_mask"]),
    ).last_hidden_state
    case.check("text_hidden_item0_first12_tokens_first64", hidden[0, :12, :64])


@torch.no_grad()
def test_laion_beside_the_embeddings(loaded):
    """The second scale, 16-bit waves, and the layers of its training."""
    family = "laion_clap_htsat_tiny_unfused"
    case, model = loaded(family)
    tokens = case.facts["text_input"]
    ids = torch.tensor(tokens["input_ids"])
    mask = torch.tensor(tokens["attention_mask"])
    case.check("text_pooled", model.net.text_encoder(ids, mask))
    wavs = case.waves()
    text, audio = model.encode_tokens(ids, mask), model.encode_audio(wavs)
    scale = model.net.logit_scale_text.exp()
    wanted = case.wanted("similarity_text_by_audio_with_logit_scale_t")
    assert (scale * text @ audio.T - wanted).abs().max() <= 2e-6
    coarse = (wavs.clamp(-1, 1) * 32767).to(torch.int16) / 32767
    name = "audio_embedding_after_int16_round_trip"
    case.check(name, model.encode_audio(coarse))
    # What the file has and the embeddings do not use.
    for tower, embedding in (("audio", audio), ("text", text)):
        layer = MLPProjection(512, 512)
        front = f"{tower}_transform.sequential."
        for theirs, ours in (("0", layer.linear1), ("3", layer.linear2)):
            ours.weight.copy_(model.rest[f"{front}{theirs}.weight"])
            ours.bias.copy_(model.rest[f"{front}{theirs}.bias"])
        case.check(f"{tower}_mlp", layer(embedding))


def test_wav2clip(loaded):
    """The published rule over the batch; the frames are in the lobe's test."""
    case, model = loaded("wav2clip")
    case.check("embedding", model.encode_audio(case.waves()))
    alone = [model.encode_audio(wav) for wav in case.waves()]
    case.check("embedding_each_clip_alone", torch.cat(alone))
    ours = load_published("wav2clip", case.weights(), prefer="ours")
    both = ours.encode_audio(case.waves())
    case.check("embedding_each_clip_alone", both)


def test_vggish(loaded):
    """The mean over the examples."""
    case, model = loaded("vggish")
    wanted = case.wanted("embedding").mean(1)
    ours = model.encode_audio(case.waves())
    assert (ours - wanted).abs().max() <= 2e-5 * wanted.abs().max()


def test_esresnext(loaded):
    """Pooled features; the tags' logits are in the lobe's test."""
    case, model = loaded("esresnext_fbsp")
    case.check("pooled", model.encode_audio(case.waves()))
    wanted = case.wanted("logits").sigmoid()
    ours = model.classify(case.waves())
    torch.testing.assert_close(ours, wanted, atol=5e-3, rtol=0)


def test_laion_fused(loaded):
    """Clips of up to ten seconds; longer ones are drawn by another rule."""
    case, model = loaded("laion_clap_htsat_tiny_fused")
    wavs = case.waves(case.facts["inputs"]["short"])
    case.check("short_audio_embedding", model.encode_audio(wavs))
    assert model.encode_audio(wavs.repeat(1, 2)[:, :600000]).shape == (2, 512)


def test_clapcap(loaded):
    """The embedding, and the captions' tokens."""
    case, model = loaded("msclap_clapcap")
    case.check("audio_embedding", model.encode_audio(case.waves()))
    one = case.facts["beam_search"]["narrow"]
    tokens, _ = model.generate(
        case.waves(),
        beam_size=one["beam_size"],
        max_length=one["entry_length"],
        temperature=one["temperature"],
        stop_id=one["stop_id"],
    )
    assert tokens == one["per_item"]


def test_audioclip(loaded):
    """Three towers, unnormalised as the authors' ``encode_*``."""
    pytest.importorskip("open_clip")
    case, model = loaded("audioclip")
    audio = model.encode_audio(case.waves())
    case.check("audio_embedding_unnormalised", audio)
    image = case.facts["image_input"]
    pixels = torch.from_numpy(
        case.fill.image(image["seed"], image["batch"], image["size"])
    )
    case.check("image_embedding_unnormalised", model.encode_image(pixels))
    text = case.facts["text_input"]
    wanted = model.encode_text(text["labels"])
    case.check("text_embedding_unnormalised", wanted)
    rows = [torch.tensor(row) for row in text["token_ids"]]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    case.check("text_embedding_unnormalised", model.encode_tokens(ids))
